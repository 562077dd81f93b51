"""The list of behaviours: whole, and true about which tests there are."""

import ast
import re
from functools import cache

from django.conf import settings

LIST = settings.BASE_DIR / "tests" / "BEHAVIOUR.md"
ROW = re.compile(r"^\| S(\d+) \| [^|]+ \| (.+) \|$", re.MULTILINE)


@cache
def names_in(path: str) -> set[str]:
    tree = ast.parse((settings.BASE_DIR / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_behaviour_has_its_row_in_order():
    numbers = [int(number) for number, _ in ROW.findall(LIST.read_text())]

    assert numbers == list(range(1, 59))


def test_a_row_names_tests_that_are_there_or_says_not_yet():
    for number, shown_by in ROW.findall(LIST.read_text()):
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", shown_by)
        missing = [test for path, test in named if test not in names_in(path)]

        assert missing == [], number
        assert named or shown_by.startswith("not yet"), number
