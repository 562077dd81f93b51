"""Whether this worker is to go on: told to every process that it forked."""

from mmap import mmap

from celery.signals import worker_shutting_down

_ending = mmap(-1, 1)  # one byte that a worker shares with the processes it forks


def goes_on() -> bool:
    """Tell whether another row is wanted once the one in hand is done."""
    return not _ending[0]


@worker_shutting_down.connect
def end_after_this_row(**_signal: object) -> None:
    """Tell the tasks that run that the row in hand is their last: others wait for the next start."""
    _ending[0] = 1
