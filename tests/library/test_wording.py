"""Numbers and words about pictures, as pages show them."""

from datetime import UTC, datetime

import pytest
from django.template import Context, Template

from library.templatetags.pictures import day, moment, shape
from library.wording import bytes_in_words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (None, "0 bytes"),
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1499, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_000_000, "1.0 MB"),
        (9_940_000, "9.9 MB"),
        (148_200_000, "148 MB"),
        (999_600_000, "1.0 GB"),
        (10_737_418_240, "10.7 GB"),
        (148_000_000_000, "148 GB"),
        (2_000_000_000_000, "2,000 GB"),
    ],
)
def test_sizes_are_said_as_peoples_systems_say_them(size_bytes, words):
    assert bytes_in_words(size_bytes) == words


@pytest.mark.parametrize(
    ("width_px", "height_px", "ratio"),
    [(4, 3, "1.3333"), (3, 4, "0.7500"), (1, 1, "1.0000"), (9000, 10, "3.2000"), (1, 99, "0.4500")],
)
def test_a_tile_has_its_pictures_shape_within_bounds(width_px, height_px, ratio):
    assert shape(width_px, height_px) == f'style="--ratio:{ratio}"'


def test_a_tile_has_its_pictures_color():
    assert shape(1, 1, "#a0b1c2") == 'style="--ratio:1.0000;--tint:#a0b1c2"'


@pytest.mark.parametrize(
    "color", ["red", "#A0B1C2", "#fff", "#a0b1c2\n", '#a0b1c2"', "url(//evil)", "#a0b1c2;x:1"]
)
def test_only_a_color_gets_into_a_style(color):
    assert shape(1, 1, color) == 'style="--ratio:1.0000"'


def test_a_moment_is_machine_readable_and_has_words_without_scripts():
    assert moment(datetime(2025, 3, 9, 7, 5, 1, tzinfo=UTC)) == (
        '<time datetime="2025-03-09T07:05:01Z">9 March 2025, 07:05 UTC</time>'
    )


def test_a_day_leaves_the_hour_to_the_script():
    assert day(datetime(2025, 3, 9, 7, 5, 1, tzinfo=UTC)) == (
        '<time datetime="2025-03-09T07:05:01Z" data-day>9 March 2025</time>'
    )


def test_templates_have_all_of_these_without_loading_anything():
    template = Template('{{ size|bytes_in_words }} {% shape 4 3 %} {% icon "tick" %}')

    page = template.render(Context({"size": 2_000_000}))

    assert page == (
        '2.0 MB style="--ratio:1.3333" <svg class="icon" aria-hidden="true">'
        '<use href="/static/icons.svg#tick"></use></svg>'
    )


def test_a_name_of_an_icon_is_no_markup():
    page = Template("{% icon name %}").render(Context({"name": '"><script>'}))

    assert "<script>" not in page
