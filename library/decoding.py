"""This process's own decoder sandbox, with the site's limits."""

from django.conf import settings

from library.processing.sandbox.client import Sandbox
from library.processing.values import PixelLimits

CLEANING_SECONDS = 60.0

sandbox = Sandbox(settings.BASE_DIR, memory_bytes=2 << 30)
limits = PixelLimits(jpeg=settings.IMAGE_MAX_PIXELS_JPEG, other=settings.IMAGE_MAX_PIXELS_OTHER)
