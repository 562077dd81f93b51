"""Numbers and words about pictures, for templates."""

import re
from collections.abc import Sequence
from datetime import datetime

from django import template
from django.templatetags.static import static
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

from library.tiles import Tile
from library.wording import bytes_in_words

register = template.Library()
register.filter(bytes_in_words)

WIDEST, NARROWEST = 3.2, 0.45  # beyond these a tile shows its middle
_COLOR = re.compile(r"#[0-9a-f]{6}")


@register.simple_tag
def shape(width_px: int, height_px: int, placeholder: str = "") -> SafeString:
    """Return a style attribute with a picture's shape and colour."""
    ratio = shown_ratio(width_px, height_px)
    tint = format_html(";--tint:{}", placeholder) if _COLOR.fullmatch(placeholder) else ""
    return format_html('style="--ratio:{}{}"', f"{ratio:.4f}", tint)


@register.simple_tag
def room(tiles: Sequence[Tile]) -> SafeString:
    """Return a style attribute with the room that pictures take in one row."""
    total = sum(shown_ratio(tile.width_px, tile.height_px) for tile in tiles)
    return format_html('style="--total:{};--count:{}"', f"{total:.4f}", len(tiles))


def shown_ratio(width_px: int, height_px: int) -> float:
    """Return a tile's width over its height."""
    return min(WIDEST, max(NARROWEST, width_px / height_px))


@register.filter
def moment(value: datetime) -> SafeString:
    """Return a <time> in UTC, which the page's script turns into the reader's own zone and words."""
    return format_html(
        '<time datetime="{}">{}</time>',
        f"{value:%Y-%m-%dT%H:%M:%SZ}",
        format_date(value, "j F Y, H:i \\U\\T\\C"),
    )


@register.filter
def day(value: datetime) -> SafeString:
    """Return a <time> that shows the day only."""
    return format_html(
        '<time datetime="{}" data-day>{}</time>',
        f"{value:%Y-%m-%dT%H:%M:%SZ}",
        format_date(value, "j F Y"),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return one of our icons; it takes the colour of the text around it."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("icons.svg"),
        name,
    )
