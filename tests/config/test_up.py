"""`manage.py up`, for real: it serves, mends itself, ends without a trace, and refuses in sentences."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import picture
from tests.member import Member
from tests.patience import PATIENCE_SECONDS, wait_until
from tests.site import COMMANDS, ROOT, Site, command_of, free_port, is_gone

STATES = """
SELECT state FROM library_stills JOIN library_user ON library_user.id = owner_id WHERE email = ?
"""


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("up"))
    site.start()
    yield site
    if site.process.poll() is None:
        kill(site)


@pytest.fixture
def site(shared_site) -> Site:
    """A site that runs; one that the test before has ended starts again."""
    if shared_site.process.poll() is not None:
        shared_site.start()
    wait_until(lambda: set(shared_site.children()) == set(COMMANDS))
    return shared_site


def kill(site: Site) -> None:
    """Kill the supervisor alone, and wait until everything has followed it."""
    running = site.processes()
    site.process.kill()
    site.process.wait()
    wait_until(lambda: all(map(is_gone, running)))


def states(member: Member) -> Counter[str]:
    """Count a member's stills in each state."""
    return Counter(state for (state,) in member.site.rows(STATES, member.email))


def refusal(folder: Path, **variables: str) -> str:
    """Run `up` where it must refuse; return its one complaint."""
    site = Site(folder, variables)
    folder.mkdir(parents=True, exist_ok=True)
    dropped = [name for name, value in variables.items() if value == "UNSET"]
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={name: value for name, value in site.variables.items() if name not in dropped},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_it_serves_and_says_where(site):
    assert site.answers()
    assert f"Passalong is at {site.url}/ (ready in " in site.log
    assert f"at {site.url}{site.setup_path}\n" in site.log
    assert set(site.children()) == set(COMMANDS)


def test_asking_for_the_head_of_a_page_is_nothing_to_warn_of(site):
    for path in ("/", "/accounts/login/"):
        request = urllib.request.Request(site.url + path, method="HEAD")
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            assert (answer.status, answer.read()) == (200, b"")
            assert int(answer.headers["Content-Length"]) > 0

    assert "WARNING gunicorn" not in site.log


def test_every_child_has_a_process_group_of_its_own(site):
    groups = [os.getpgid(process.pid) for process in site.children().values()]

    assert sorted(groups) == sorted(process.pid for process in site.children().values())
    assert os.getpgid(site.process.pid) not in groups


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_child_comes_back_and_nothing_of_the_old_one_stays(name, site):
    old = site.children()[name]
    group = [old, *old.children(recursive=True)]

    old.kill()

    wait_until(lambda: site.children().get(name, old).pid != old.pid)
    wait_until(lambda: all(map(is_gone, group)))
    wait_until(site.answers)
    assert f"{name} ended (-9); it starts again in" in site.log


def test_a_worker_that_is_killed_leaves_no_decoder_behind(site):
    Member.of(site, "alice@example.org", "Alice Doe").upload(1)

    def decoders() -> list[psutil.Process]:
        return [
            each
            for each in worker.children(recursive=True)
            if "sandbox.server" in " ".join(command_of(each))
        ]

    worker = site.children()["worker"]
    found = wait_until(decoders)
    worker.kill()

    wait_until(lambda: all(map(is_gone, found)))


def test_a_queue_that_a_power_cut_tore_ends_no_worker_and_loses_no_work(site):
    bob = Member.of(site, "bob@example.org", "Bob Roe")
    worker = site.children()["worker"]
    asleep = [worker, *worker.children(recursive=True)]
    site.hold(asleep)
    bob.upload(2)
    control, bells = site.data_dir / "queue" / "control", site.data_dir / "queue" / "bells"
    assert len(list(bells.glob("*.celery.msg"))) > 0

    psutil.Process(site.process.pid).suspend()  # so that it starts nothing again
    for process in asleep:
        process.kill()
    kill(site)
    tables = list(control.glob("*.exchange"))
    assert control / "celery.exchange" in tables
    for torn in (*tables, *bells.iterdir()):
        torn.write_bytes(b"")
    before = len(site.log)

    site.start()
    wait_until(lambda: set(site.children()) == set(COMMANDS))
    worker = site.children()["worker"]
    bob.wait_until_prepared(1)
    assert site.children()["worker"] == worker
    assert "worker ended" not in site.log[before:]


def test_a_site_that_ends_amid_work_finishes_the_rows_in_hand_and_takes_no_others(site):
    dora = Member.of(site, "dora@example.org", "Dora Poe")
    worker = site.children()["worker"]
    asleep = [worker, *worker.children(recursive=True)]
    site.hold(asleep)
    for number in range(40):
        dora.upload(number, picture(2400, 1800))
    before = states(dora)

    for process in asleep:
        process.resume()
    wait_until(lambda: states(dora)["done"] > before["done"], told=lambda: site.log)
    running = site.stop()

    after = states(dora)
    assert site.survivors(running) == []
    assert "does not end by itself" not in site.log
    assert set(after) == {"done", "due"}, "a row in hand was left behind"
    site.start()
    dora.wait_until_prepared(40)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_process(number, site):
    running = site.stop(number)

    assert site.survivors(running) == []
    assert site.process.returncode == 0
    assert site.log.rstrip().endswith("everything has ended")


def test_a_supervisor_that_is_killed_takes_everything_with_it(site):
    assert len(site.processes()) > len(COMMANDS)

    kill(site)

    assert not site.answers()


def test_a_start_with_everything_up_to_date_does_none_of_it_again(site):
    assert "bringing the database up to date" in site.log
    assert "collecting static files" in site.log
    kill(site)
    before = len(site.log)

    site.start()

    assert "up to date" not in site.log[before:]
    assert "collecting" not in site.log[before:]


def test_a_second_one_on_the_same_folder_is_refused(site):
    said = refusal(site.data_dir, PORT=str(free_port()))

    assert f"The site already runs on {site.data_dir}." in said
    assert "DATA_DIR of its own" in said
    assert site.answers()


def test_a_port_that_is_taken_is_refused_with_another_one(site, tmp_path):
    said = refusal(tmp_path / "other", PORT=str(site.port))

    assert f"127.0.0.1:{site.port} can't be used (Address already in use)" in said
    assert f"PORT={site.port + 1} make run" in said
    assert site.answers()


@pytest.mark.parametrize("given", ["UNSET", "", "  "])
def test_a_host_that_lets_others_in_needs_an_address_and_says_what_to_type(given, tmp_path):
    said = refusal(tmp_path / "other", HOST="0.0.0.0", PORT="8123", PUBLIC_BASE_URL=given)  # noqa: S104

    assert "HOST=0.0.0.0 lets other machines in" in said
    (line,) = [line for line in said.splitlines() if line.endswith("make run")]
    assert line.strip().startswith("HOST=0.0.0.0 PUBLIC_BASE_URL=http://")
    assert line.strip().endswith(":8123 make run")


def test_a_port_that_is_none_is_refused(tmp_path):
    assert "PORT" in refusal(tmp_path / "other", PORT="70000")
