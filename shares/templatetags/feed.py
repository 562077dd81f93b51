"""The badge, for the pages of every app."""

from django import template
from django.template import Context
from django.utils import timezone

from library.models import User
from shares.feed import count_unopened

register = template.Library()


@register.simple_tag(takes_context=True)
def unopened(context: Context) -> int:
    """Return how many shares the member who gets this page has not opened; 0 for strangers."""
    member = context.get("user")
    return count_unopened(member, now=timezone.now()) if isinstance(member, User) else 0
