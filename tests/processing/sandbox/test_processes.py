"""The sandbox: whatever happens to its processes, the caller gets an answer and nothing stays."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from PIL import Image

from library.processing.errors import MediaError, ProcessingFailedError
from library.processing.sandbox import client, pool
from library.processing.sandbox.client import Sandbox
from tests.patience import wait_until
from tests.processing.conftest import Pipe
from tests.processing.corpus import ROOT
from tests.processing.sandbox.test_client import LIMITS, render


def server_of(box: Sandbox) -> psutil.Process:
    """Return the one server of a sandbox whose calls have not met so far."""
    (pid,) = box.pids
    return psutil.Process(pid)


def child_of(server: psutil.Process) -> psutil.Process:
    """Return the child that waits for the server's next request, once it does."""

    def waits(child: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):  # the one of the last request may just be going
            return child.status() == psutil.STATUS_SLEEPING
        return False

    return wait_until(lambda: next(filter(waits, server.children()), None))


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread beside the block."""
    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(act)
        yield
        done.result()


WHO = """
import os, sys
sys.path.insert(0, sys.argv[1])
from library.processing.sandbox import functions, server
def meet(path, **_more):
    met, functions.MET = getattr(functions, "MET", None), path
    return {"pid": os.getpid(), "met": met}
functions.FUNCTIONS["probe"] = meet
server.serve()
"""


def test_each_file_has_a_child_to_itself(own_sandbox, photo, monkeypatch):
    monkeypatch.setattr(pool, "_START", WHO)
    box = own_sandbox()

    answers = [box._call("probe", {"path": str(photo)}, 10) for _ in range(5)]

    assert len({answer["pid"] for answer in answers}) == 5
    assert [answer["met"] for answer in answers] == [None] * 5
    assert server_of(box).pid not in {answer["pid"] for answer in answers}


def test_a_child_that_is_killed_while_it_waits_is_replaced(own_sandbox, photo):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    server = server_of(box)
    waiting = child_of(server)

    waiting.kill()
    wait_until(lambda: gone(waiting.pid))

    assert box.probe(photo, limits=LIMITS).width_px == 30
    assert server_of(box).pid == server.pid


def test_too_little_memory_is_reported_and_the_server_goes_on(
    own_sandbox, slow_photo, photo, tmp_path
):
    box = own_sandbox(memory_bytes=192 << 20)

    with pytest.raises(ProcessingFailedError, match="more memory"):
        render(box, slow_photo, tmp_path)

    server = server_of(box).pid
    assert render(box, photo, tmp_path).facts.width_px == 30
    assert server_of(box).pid == server


def test_too_much_time_is_reported_and_the_server_goes_on(own_sandbox, pipe, photo, tmp_path):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    server = server_of(box)
    child = child_of(server)

    with pytest.raises(ProcessingFailedError, match="too long"):  # it would wait without end
        render(box, pipe.path, tmp_path, wall_seconds=0.3)

    wait_until(lambda: gone(child.pid))
    assert render(box, photo, tmp_path).facts.width_px == 30
    assert server_of(box).pid == server.pid


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGSEGV, "stopped"), (signal.SIGKILL, "stopped"), (signal.SIGXCPU, "too long")],
)
def test_a_child_that_dies_is_reported_and_the_server_goes_on(
    number, words, own_sandbox, pipe, photo, tmp_path
):
    box = own_sandbox()

    def send() -> None:
        pipe.wait_for_reader()
        server_of(box).children()[0].send_signal(number)

    with meanwhile(send), pytest.raises(ProcessingFailedError, match=words):
        render(box, pipe.path, tmp_path)

    server = server_of(box).pid
    assert render(box, photo, tmp_path).facts.width_px == 30
    assert server_of(box).pid == server


def test_the_child_is_limited_and_holds_nothing_of_its_parents(own_sandbox, pipe, tmp_path):
    box, seen = own_sandbox(memory_bytes=768 << 20), []

    def look() -> None:
        pipe.wait_for_reader()
        child = server_of(box).children()[0]
        seen.extend([child.rlimit(psutil.RLIMIT_AS)[0], child.rlimit(psutil.RLIMIT_CORE)[0]])
        seen.extend(
            [child.rlimit(psutil.RLIMIT_CPU)[0], child.cwd(), os.getpgid(child.pid) == child.pid]
        )
        files = (Path(f"/proc/{child.pid}/fd/{number}").readlink() for number in (0, 1, 2))
        seen.append({str(file) for file in files})
        pipe.close()

    with meanwhile(look), pytest.raises(MediaError):  # there is no picture in it
        render(box, pipe.path, tmp_path, wall_seconds=200)

    memory, core, cpu, folder, leads_group, standard_files = seen
    assert (memory, core, cpu, leads_group) == (768 << 20, 0, 401, True)
    assert (folder, standard_files) == ("/", {"/dev/null"})


def test_a_fault_of_ours_in_a_child_is_logged_by_the_site(own_sandbox, photo, caplog):
    box = own_sandbox()

    with pytest.raises(ProcessingFailedError, match="stopped"):
        box._call("no such function", {"path": str(photo)}, 10)

    assert "KeyError" in caplog.text
    assert box.probe(photo, limits=LIMITS).width_px == 30


class InterruptionError(Exception):
    """What a signal's handler may raise in the middle of a call."""


def test_an_answer_to_a_call_that_was_interrupted_meets_no_other(own_sandbox, pipe, photo):
    box = own_sandbox()

    def interrupt(*_signal: object) -> None:
        raise InterruptionError

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with (
            meanwhile(lambda: (pipe.wait_for_reader(), os.kill(os.getpid(), signal.SIGUSR1))),
            pytest.raises(InterruptionError),
        ):
            box.probe(pipe.path, limits=LIMITS, wall_seconds=600)
    finally:
        signal.signal(signal.SIGUSR1, before)

    pipe.close()
    assert box.probe(photo, limits=LIMITS).width_px == 30


def test_a_server_killed_between_calls_is_replaced(own_sandbox, photo):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    first = server_of(box)

    first.kill()

    assert box.probe(photo, limits=LIMITS).width_px == 30
    assert server_of(box).pid != first.pid


def test_a_server_killed_while_it_works_is_replaced(own_sandbox, pipe, photo, tmp_path):
    box, children = own_sandbox(), []

    def kill() -> None:
        pipe.wait_for_reader()
        shutil.copy(photo, tmp_path / "whole.png")
        (tmp_path / "whole.png").rename(pipe.path)  # for the server that comes next
        children.extend(child.pid for child in server_of(box).children())
        server_of(box).kill()

    with meanwhile(kill):
        assert render(box, pipe.path, tmp_path).facts.width_px == 30

    wait_until(lambda: gone(children[0]))


def test_a_server_is_recycled_after_many_calls(own_sandbox, photo, monkeypatch):
    monkeypatch.setattr(pool, "CALLS_PER_SERVER", 2)
    box, servers = own_sandbox(), []

    for _ in range(5):
        box.probe(photo, limits=LIMITS)
        servers.append(server_of(box).pid)

    assert len(set(servers)) == 3


def test_a_server_that_gives_no_answer_is_ended(own_sandbox, photo, monkeypatch):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    monkeypatch.setattr(client, "GRACE_SECONDS", 0.2)
    stuck = server_of(box)
    stuck.suspend()

    with pytest.raises(ProcessingFailedError, match="no answer"):
        box.probe(photo, limits=LIMITS, wall_seconds=0.1)

    assert gone(stuck.pid)


START_AND_WAIT = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {root!r})
from library.processing.sandbox.client import Sandbox
from library.processing.values import PixelLimits
box = Sandbox(Path({root!r}))
box.probe(Path({photo!r}), limits=PixelLimits())
assert not {{"PIL", "av", "pillow_heif", "django"}} & set(sys.modules)
print(*box.pids, flush=True)
sys.stdin.readline()
if {busy}:
    box.render(Path({pipe!r}), Path({folder!r}), thumbnail_px=64, preview_px=2016,
               limits=PixelLimits(), wall_seconds=60)
sys.stdin.readline()
"""


@pytest.mark.parametrize("busy", [False, True])
def test_the_server_and_its_child_end_with_their_parent(busy, photo, pipe, tmp_path):
    script = START_AND_WAIT.format(
        root=str(ROOT), photo=str(photo), pipe=str(pipe.path), folder=str(tmp_path), busy=busy
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        server = psutil.Process(int(parent.stdout.readline()))
        parent.stdin.write("\n")
        parent.stdin.flush()
        if busy:
            pipe.wait_for_reader()
        child = child_of(server)
        parent.kill()

    wait_until(lambda: gone(server.pid) and gone(child.pid))


def test_threads_that_call_at_once_get_their_own_answers(own_sandbox, tmp_path):
    box, found = own_sandbox(), {}
    for width in range(1, 13):
        Image.new("RGB", (width, 5)).save(tmp_path / f"{width}.png")

    def ask(width: int) -> None:
        found[width] = box.probe(tmp_path / f"{width}.png", limits=LIMITS).width_px

    threads = [threading.Thread(target=ask, args=(width,)) for width in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == {width: width for width in range(1, 13)}
    assert 1 <= len(box.pids) <= client.SERVERS


def test_a_good_file_behind_two_that_never_end_is_decided_at_once(own_sandbox, photo, tmp_path):
    box = own_sandbox()
    pipes = [Pipe(tmp_path / f"{number}.png") for number in (1, 2)]

    with ThreadPoolExecutor(2) as threads:
        stuck = [
            threads.submit(box.probe, pipe.path, limits=LIMITS, wall_seconds=600) for pipe in pipes
        ]
        for pipe in pipes:
            pipe.wait_for_reader()

        assert box.probe(photo, limits=LIMITS).width_px == 30
        assert not any(probing.done() for probing in stuck)

        for pipe in pipes:
            pipe.close()
    assert all(isinstance(probing.exception(), MediaError) for probing in stuck)
    assert len(box.pids) == 3


def test_closing_waits_for_answers_and_ends_every_server(own_sandbox, photo, pipe):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)

    with ThreadPoolExecutor(2) as threads:
        probing = threads.submit(box.probe, pipe.path, limits=LIMITS, wall_seconds=600)
        pipe.wait_for_reader()
        servers = box.pids
        closing = threads.submit(box.close)
        pipe.close()
        closing.result()

    assert "empty" in str(probing.exception())
    assert box.pids == []
    assert all(map(gone, servers))


def test_two_that_close_at_once_do_not_wait_for_each_other(own_sandbox, photo):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    servers = box.pids

    with ThreadPoolExecutor(8) as threads:
        for closing in [threads.submit(box.close) for _ in range(40)]:
            closing.result()

    assert box.pids == []
    assert all(map(gone, servers))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_a_server_of_its_own(own_sandbox, photo):
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    server = server_of(box)
    reading, writing = os.pipe()

    child = os.fork()
    if child == 0:
        width = box.probe(photo, limits=LIMITS).width_px
        os.write(writing, f"{width} {box.pids[0]}\n".encode())
        signal.pause()
    try:
        width, other = os.read(reading, 100).split()
        assert (int(width), int(other) != server.pid) == (30, True)
        assert box.probe(photo, limits=LIMITS).width_px == 30
        assert server_of(box).pid == server.pid

        box._pool.servers[
            -1
        ]._process.stdin.close()  # the forked process must not hold this end open
        wait_until(lambda: gone(server.pid))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    wait_until(lambda: gone(int(other)))


def test_the_server_knows_neither_django_nor_our_secrets(own_sandbox, photo, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    box = own_sandbox()
    box.probe(photo, limits=LIMITS)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import library.processing.sandbox.server; "
    )
    script += "print('django' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-I", "-c", script, str(ROOT)], capture_output=True, text=True
    )

    assert told.stdout == "False\n"
    assert "SECRET_KEY" not in server_of(box).environ()
    assert server_of(box).environ()["MALLOC_ARENA_MAX"] == "2"
