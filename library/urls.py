"""Addresses of the library."""

from django.urls import include, path, register_converter

from library import views
from library.uploads import form_views


class RenditionKindConverter:
    """The kinds of pictures that addresses may name."""

    regex = "thumbnail|preview|poster"

    def to_python(self, value: str) -> str:
        """Return the kind."""
        return value

    def to_url(self, value: str) -> str:
        """Return the kind."""
        return value


register_converter(RenditionKindConverter, "rendition")

app_name = "library"

item_urls = [
    path("", views.item, name="item"),
    path("<rendition:kind>", views.rendition, name="rendition"),
    path("file", views.original, name="original"),
    path("retry/", views.retry, name="retry"),
]

urlpatterns = [
    path("library/", views.grid, name="grid"),
    path("library/tiles/", views.tiles, name="tiles"),
    path("library/upload/", form_views.upload, name="upload"),
    path("library/<uuid:uuid>/", include(item_urls)),
]
