"""The clock is read at the doors: views, tags, tasks, commands. What they call takes the moment as `now`."""

from django.conf import settings

DOORS = (
    "views",
    "tasks",
    "access",
)  # access: the gate is the outermost part of each view below a link


def test_only_doors_read_the_clock():
    readers = [
        path.relative_to(settings.BASE_DIR)
        for app in ("library", "shares")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if "timezone.now()" in path.read_text()
    ]

    assert readers
    inside = [path for path in readers if "templatetags" not in path.parts]
    inside = [path for path in inside if "commands" not in path.parts]
    assert [path for path in inside if not path.stem.endswith(DOORS)] == []
