"""Configuration from the environment: what is understood, what is refused, and what logs leave out."""

import io
import logging
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

from config import connections, env
from config.logs import MaskTokens
from config.mail import OutboxBackend
from config.routers import CacheRouter
from shares.tokens import new_token
from tests.patience import PATIENCE_SECONDS

TOKEN = "Zq3-_" + "x" * 27
SHOW = """
from django.conf import settings
for name in {names}:
    print(f"{name}={getattr(settings, name)!r}")
"""


def read_settings(folder: Path, *names: str, **variables: str) -> subprocess.CompletedProcess:
    """Read settings in a process of their own, with these variables only."""
    kept = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(
        [sys.executable, "-c", SHOW.replace("{names}", repr(names))],
        cwd=settings.BASE_DIR,
        env=kept | {"DATA_DIR": str(folder)} | variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def test_a_twentieth_of_the_disk_is_kept_free_and_never_more_than_five_gib(tmp_path):
    size = shutil.disk_usage(tmp_path).total

    assert env.free_space_floor(tmp_path) == min(5 * 1024**3, size // 20)


@pytest.mark.parametrize(("given", "kept"), [("", None), ("0", 0), ("123456", 123_456)])
def test_the_room_that_is_kept_free_can_be_set(given, kept, tmp_path):
    done = read_settings(tmp_path, "FREE_SPACE_FLOOR_BYTES", FREE_SPACE_FLOOR_BYTES=given)

    expected = env.free_space_floor(tmp_path) if kept is None else kept
    assert done.stdout == f"FREE_SPACE_FLOOR_BYTES={expected}\n", done.stderr


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("TRUE", True), ("on", True), ("no", False), ("", False)]
)
def test_a_flag_is_a_yes_or_a_no(value, expected, monkeypatch):
    monkeypatch.setenv("FLAG", value)

    assert env.flag("FLAG") is expected


@pytest.mark.parametrize("value", ["maybe", "2", "-1", "y e s"])
def test_a_flag_that_is_neither_is_refused_by_name(value, monkeypatch):
    monkeypatch.setenv("FLAG", value)

    with pytest.raises(ImproperlyConfigured, match=rf"FLAG is '{value}'; it can be 1 or 0\."):
        env.flag("FLAG")


@pytest.mark.parametrize("value", ["ten", "-1", "1.5", "1e3", "0x10", "1_000", "1 000"])
def test_a_number_that_is_none_is_refused_by_name(value, monkeypatch):
    monkeypatch.setenv("LIMIT", value)

    with pytest.raises(ImproperlyConfigured, match=r"LIMIT is .*; it has to be a whole number"):
        env.number("LIMIT", 5)


@pytest.mark.parametrize(("value", "expected"), [("", 5), ("  ", 5), (" 7 ", 7), ("0", 0)])
def test_a_number_that_is_empty_counts_as_not_set(value, expected, monkeypatch):
    monkeypatch.setenv("LIMIT", value)

    assert env.number("LIMIT", 5) == expected


def test_a_choice_that_is_none_is_refused_with_those_there_are(monkeypatch):
    monkeypatch.setenv("SIGN_UPS", "perhaps")

    with pytest.raises(
        ImproperlyConfigured, match="SIGN_UPS is 'perhaps'; it can be open or closed"
    ):
        env.text("SIGN_UPS", choices=("open", "closed"))


def test_a_file_of_variables_is_read_and_the_environment_wins(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", {"A_SET": "outside"})
    lines = ["A_PLAIN=one", '  A_QUOTED = "two words" ', "A_EQUALS=a=b", "A_SET=inside"]
    file = tmp_path / ".env"
    file.write_text("\n".join([*lines, "# A_COMMENT=x", "", "nonsense"]))

    env.load_env_file(file)

    assert os.environ == {
        "A_PLAIN": "one",
        "A_QUOTED": "two words",
        "A_EQUALS": "a=b",
        "A_SET": "outside",
    }


def test_a_file_of_variables_that_is_not_there_is_no_error(tmp_path):
    env.load_env_file(tmp_path / "nothing")


def test_without_an_address_the_database_is_a_durable_file(tmp_path):
    found = connections.databases("", folder=tmp_path)["default"]

    assert found["ENGINE"] == "django.db.backends.sqlite3"
    assert found["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in found["OPTIONS"]["init_command"]
    assert "journal_mode=WAL" in found["OPTIONS"]["init_command"]


def test_the_address_of_a_database_is_taken_apart(tmp_path):
    url = "postgresql://al%40ice:p%2Fw@db.example:5433/photos%20x?sslmode=require"

    found = connections.databases(url, folder=tmp_path)["default"]

    assert found["ENGINE"] == "django.db.backends.postgresql"
    assert (found["USER"], found["PASSWORD"]) == ("al@ice", "p/w")
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example", 5433, "photos x")
    assert found["OPTIONS"]["sslmode"] == "require"
    assert found["CONN_MAX_AGE"] == 0


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp://mail.example", 25, False, False),
        ("smtp+tls://u:p%40ss@mail.example", 587, True, False),
        ("smtps://mail.example", 465, False, True),
        ("smtp+tls://mail.example:2525", 2525, True, False),
    ],
)
def test_the_address_of_a_mail_server_is_taken_apart(url, port, tls, ssl, tmp_path):
    found = connections.mail(url, outbox=tmp_path)

    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example", port)
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (tls, ssl)
    assert found["EMAIL_HOST_PASSWORD"] == ("p@ss" if "u:" in url else "")
    assert found["EMAIL_TIMEOUT"] <= 30


@pytest.mark.parametrize("url", ["mysql://x/y", "x.sqlite3", "sqlite:///x"])
def test_other_databases_are_refused(url, tmp_path):
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL starts with"):
        connections.databases(url, folder=tmp_path)


@pytest.mark.parametrize("url", ["http://mail.example", "mail.example"])
def test_other_mail_servers_are_refused(url, tmp_path):
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL starts with"):
        connections.mail(url, outbox=tmp_path)


def test_a_broker_of_folders_needs_no_program(tmp_path):
    url, options = connections.broker("", queue=tmp_path / "queue")

    assert url == "folder://localhost"
    assert Path(options["data_folder_in"]).is_dir()
    assert Path(options["control_folder"]).is_dir()
    assert options["polling_interval"] == 0.1


def test_a_broker_elsewhere_is_waited_for_a_second_at_most(tmp_path):
    url, options = connections.broker("redis://broker.example/0", queue=tmp_path)

    assert url == "redis://broker.example/0"
    assert options["max_retries"] * options["socket_connect_timeout"] <= 2
    assert 0 < options.get("socket_timeout", 99) <= 1


def test_mail_without_a_server_is_a_file_and_its_link_is_on_the_console(tmp_path, settings, capsys):
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    body = "Hello,\n\nhttp://127.0.0.1:8000/accounts/confirm-email/abc/\n\nBye"

    OutboxBackend().send_messages([EmailMessage("Confirm", body, to=["bob@example.org"])])

    assert capsys.readouterr().out == (
        "Mail for bob@example.org: Confirm\n  http://127.0.0.1:8000/accounts/confirm-email/abc/\n"
    )
    (file,) = (tmp_path / "outbox").iterdir()
    assert body in file.read_text()


def test_the_cache_lives_in_a_file_of_its_own():
    router = CacheRouter()

    assert router.allow_migrate("cache", "django_cache")
    assert not router.allow_migrate("default", "django_cache")
    assert router.allow_migrate("default", "library")
    assert not router.allow_migrate("cache", "library")


@pytest.fixture
def written() -> tuple[logging.Logger, io.StringIO]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(MaskTokens())
    logger = logging.getLogger("tests.masked")
    logger.propagate = False
    logger.handlers = [handler]
    return logger, out


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (f"GET /s/{TOKEN}/", ()),
        ("Not Found: %s", (f"/s/{TOKEN}/3/file",)),
        ("%s %s", (f"/s/{TOKEN}/", f"/s/{TOKEN}/archive?items=1")),
        ("%(url)s", ({"url": f"http://127.0.0.1:8000/s/{TOKEN}"},)),
        ("%r", (f"/s/{TOKEN}/",)),
    ],
)
def test_no_token_reaches_a_log(message, arguments, written):
    logger, out = written

    logger.warning(message, *arguments)

    assert TOKEN not in out.getvalue()
    assert TOKEN[5:] not in out.getvalue()
    assert "/s/Zq3-…" in out.getvalue()


def test_no_token_reaches_a_log_by_way_of_a_traceback(written):
    logger, out = written

    try:
        int(f"/s/{TOKEN}/1/file")
    except ValueError:
        logger.exception("it failed")

    assert "ValueError" in out.getvalue()
    assert TOKEN not in out.getvalue()


def test_any_token_is_masked_whatever_its_characters(written):
    logger, out = written
    tokens = [new_token() for _ in range(200)]

    for token in tokens:
        logger.warning("/s/%s/1/", token)

    assert not [token for token in tokens if token[4:] in out.getvalue()]


def test_other_lines_stay_as_they_are(written):
    logger, out = written

    logger.warning("%d%% of /static/s.css and /links/ for %s", 7, "x")

    assert out.getvalue() == "7% of /static/s.css and /links/ for x\n"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "http", "PORT is 'http'; it has to be a whole number."),
        ("PORT", "70000", "PORT"),
        ("DEBUG", "perhaps", "DEBUG is 'perhaps'; it can be 1 or 0."),
        ("SIGN_UPS", "maybe", "SIGN_UPS is 'maybe'; it can be open or closed."),
        ("UPLOAD_MAX_BYTES", "10GB", "UPLOAD_MAX_BYTES is '10GB'"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL starts with mysql://"),
        ("EMAIL_URL", "pigeon://x", "EMAIL_URL starts with pigeon://"),
        ("PUBLIC_BASE_URL", "photos.example.org", "PUBLIC_BASE_URL"),
        ("PUBLIC_BASE_URL", "ftp://photos.example.org", "PUBLIC_BASE_URL"),
        ("PUBLIC_BASE_URL", "https://photos.example.org/below", "PUBLIC_BASE_URL"),
        ("SHARE_DEFAULT_LIFETIME_DAYS", "0", "SHARE_DEFAULT_LIFETIME_DAYS"),
        ("SHARE_DEFAULT_LIFETIME_DAYS", "366", "SHARE_DEFAULT_LIFETIME_DAYS"),
        ("SHARE_MAX_ITEMS", "0", "SHARE_MAX_ITEMS"),
    ],
)
def test_nonsense_is_refused_by_name(name, value, sentence, tmp_path):
    done = read_settings(tmp_path, "PORT", **{name: value})

    assert done.returncode != 0
    assert sentence in done.stderr.strip().splitlines()[-1]


def test_https_turns_on_all_that_belongs_to_it(tmp_path):
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "SIGN_UPS")
    names += ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "DEBUG")

    done = read_settings(tmp_path, *names, PUBLIC_BASE_URL="https://photos.example.org/")

    assert done.stdout.splitlines() == [
        "SESSION_COOKIE_SECURE=True",
        "CSRF_COOKIE_SECURE=True",
        "SECURE_HSTS_SECONDS=31536000",
        "SIGN_UPS='closed'",
        "ALLOWED_HOSTS=['photos.example.org']",
        "CSRF_TRUSTED_ORIGINS=['https://photos.example.org']",
        "DEBUG=False",
    ]


def test_without_anything_set_the_site_is_for_this_machine_only(tmp_path):
    names = ("HOST", "PUBLIC_BASE_URL", "SIGN_UPS", "DEBUG", "SESSION_COOKIE_SECURE")

    done = read_settings(tmp_path, *names)

    assert done.stdout.splitlines() == [
        "HOST='127.0.0.1'",
        "PUBLIC_BASE_URL='http://127.0.0.1:8000'",
        "SIGN_UPS='open'",
        "DEBUG=False",
        "SESSION_COOKIE_SECURE=False",
    ]


def test_the_secret_is_made_once_and_for_the_owner_only(tmp_path):
    first = read_settings(tmp_path, "SECRET_KEY")
    second = read_settings(tmp_path, "SECRET_KEY")

    assert first.stdout == second.stdout
    assert len(first.stdout) > 50
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_given_secret_is_used_and_not_kept(tmp_path):
    done = read_settings(tmp_path, "SECRET_KEY", SECRET_KEY="from outside")

    assert done.stdout == "SECRET_KEY='from outside'\n"
    assert not (tmp_path / "secret.key").exists()


def test_only_the_owner_of_the_site_may_look_into_its_folders(tmp_path):
    read_settings(tmp_path / "data", "DATA_DIR")

    for folder in ("blobs", "incoming"):
        assert (tmp_path / "data" / folder).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("torn", [b"", b"\0\0\0\0"])
@pytest.mark.parametrize("name", ["secret.key", "setup.code"])
def test_a_secret_that_a_power_cut_left_empty_is_made_anew(name, torn, tmp_path):
    (tmp_path / name).write_bytes(torn)

    shown = [read_settings(tmp_path, "SECRET_KEY", "SETUP_CODE") for _ in range(2)]

    assert [each.returncode for each in shown] == [0, 0], shown[0].stderr
    assert shown[0].stdout == shown[1].stdout
    assert len((tmp_path / name).read_text()) >= 22
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_a_secret_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order: list[str] = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda file: (order.append("fsync"), fsync(file))[1])
    monkeypatch.setattr(Path, "rename", lambda a, b: (order.append("rename"), rename(a, b))[1])

    secret = env.kept_secret(tmp_path / "key", random_bytes=16)

    assert order == ["fsync", "rename", "fsync"]
    assert env.kept_secret(tmp_path / "key", random_bytes=16) == secret
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


@pytest.mark.parametrize("left", [None, b""])
def test_processes_that_start_together_have_the_same_secret(left, tmp_path):
    if left is not None:
        (tmp_path / "key").write_bytes(left)

    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda _: env.kept_secret(tmp_path / "key", random_bytes=16), range(40))

    assert len(set(made)) == 1


def test_with_an_address_the_cache_is_in_the_same_database(tmp_path):
    found = connections.databases("postgresql://u:p@db:5433/photos", folder=tmp_path)

    main, cache = found["default"], found["cache"]
    assert {**cache, "TEST": None} == {**main, "TEST": None}
    assert (main["NAME"], main["HOST"], main["PORT"]) == ("photos", "db", 5433)
