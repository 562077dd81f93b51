"""The end of a link, for pages: how long it still is."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html

from shares.wording import spoken_end

register = template.Library()


@register.filter
def ends_in(value: datetime) -> str:
    """Return "· Ends in 3 days", to stand behind the moment itself; empty before a link's last week."""
    told = spoken_end(value - timezone.now())
    return format_html(' <span class="soon">· {}</span>', told) if told else ""
