"""Alice, who shares, and Carol, a stranger: all that a site answers them is counted."""

from collections import Counter

import pytest

from tests.faults.person import Person


@pytest.fixture
def answers() -> Counter[int]:
    return Counter()


@pytest.fixture
def alice(site, answers) -> Person:
    alice = Person.of(site, "alice@example.org", "Alice Doe")
    alice.answers = answers
    return alice


@pytest.fixture
def carol(site, answers) -> Person:
    carol = Person(site, "")
    carol.answers = answers
    return carol
