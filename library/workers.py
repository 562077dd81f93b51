"""Whether a worker is to go on: not while it ends, and not while room on the disk is short."""

from mmap import mmap

from celery.signals import worker_shutting_down

from library.blobs.space import has_room

_ending = mmap(-1, 1)  # one byte that a worker shares with the processes it forks


def goes_on() -> bool:
    """Tell whether another row is wanted once the one in hand is done.

    While room is short rows stay due, and the sweep goes on ringing for them until there is some.
    """
    return not _ending[0] and has_room()


@worker_shutting_down.connect
def end_after_this_row(**_signal: object) -> None:
    """Tell the tasks that run that the row in hand is their last: others wait for the next start."""
    _ending[0] = 1
