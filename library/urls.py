"""Addresses of the library."""

from django.urls import include, path

from library import settings_views, views
from library.http import RENDITION
from library.uploads import form_views

app_name = "library"

item_urls = [
    path("", views.item, name="item"),
    path(RENDITION, views.rendition, name="rendition"),
    path("file", views.original, name="original"),
    path("retry/", views.retry, name="retry"),
]

urlpatterns = [
    path("library/", views.grid, name="grid"),
    path("library/tiles/", views.tiles, name="tiles"),
    path("library/upload/", form_views.upload, name="upload"),
    path("library/<uuid:uuid>/", include(item_urls)),
    path("settings/", settings_views.settings, name="settings"),
]
