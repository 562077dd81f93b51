"""How often something may be tried, counted for all processes alike."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from library.http import client_of
from library.models import Throttle
from library.tasks import tidy_task
from library.throttling import KEPT_FOR, Limit, forget, wait_seconds

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 12, 1, 12, 1, 40, tzinfo=UTC)
LIMIT = Limit("a test", most=3, within=timedelta(minutes=5))


def tries(number: int, *key: object, now: datetime = NOW) -> list[int]:
    return [wait_seconds(LIMIT, *key, now=now) for _ in range(number)]


def test_tries_within_the_limit_wait_for_nothing_and_later_ones_until_the_stretch_is_over():
    assert tries(5, "somebody") == [0, 0, 0, 200, 200]
    assert tries(1, "somebody", now=NOW + timedelta(seconds=199)) == [1]
    assert tries(1, "somebody", now=NOW + timedelta(seconds=200)) == [0]


def test_others_and_other_things_have_counts_of_their_own():
    tries(4, "somebody")

    assert tries(1, "somebody else") == [0]
    assert tries(1, "somebody", "something") == [0]
    assert wait_seconds(Limit("another", most=1, within=LIMIT.within), "somebody", now=NOW) == 0


def test_no_address_is_kept():
    tries(1, "203.0.113.7")

    row = Throttle.objects.get()
    assert "203" not in f"{row.key}{row.scope}"
    assert len(row.key) == 64


def test_what_is_long_over_is_forgotten():
    tries(2, "somebody", now=NOW - KEPT_FOR - LIMIT.within)
    tries(2, "somebody")

    assert forget(now=NOW) == 1
    assert forget(now=NOW) == 0
    assert Throttle.objects.get().count == 2


def test_the_tidying_task_forgets():
    now = timezone.now()
    tries(1, "somebody", now=now - KEPT_FOR - 2 * LIMIT.within)
    tries(1, "somebody", now=now)

    tidy_task()

    assert Throttle.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_are_all_counted():
    def try_some() -> None:
        tries(5, "somebody")
        connection.close()

    threads = [Thread(target=try_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Throttle.objects.get().count == 20


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address", "expected"),
    [
        (0, "", "203.0.113.7", "203.0.113.7"),
        (0, "198.51.100.1", "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1", "127.0.0.1", "198.51.100.1"),
        (1, "10.0.0.1, 198.51.100.1", "127.0.0.1", "198.51.100.1"),
        (2, "10.0.0.1, 198.51.100.1, 192.0.2.9", "127.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "127.0.0.1", "127.0.0.1"),
        (1, "", "127.0.0.1", "127.0.0.1"),
        (0, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (0, "", "::ffff:203.0.113.7", "::ffff:203.0.113.7"),
        (1, "nonsense", "127.0.0.1", "nonsense"),
    ],
)
def test_who_asks_is_told_by_trusted_proxies_alone(trusted, forwarded, address, expected, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = trusted
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}

    assert client_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=address)) == expected
