"""Addresses of links: what people pass on, and the sender's own side of it."""

from django.urls import URLPattern, URLResolver, include, path

from library.http import RENDITION
from shares import (
    feed_views,
    lifetime_views,
    link_views,
    page_views,
    recipient_views,
    stop_views,
)

app_name = "shares"

item_urls = [
    path("", page_views.item_page, name="item"),
    path(RENDITION, page_views.rendition, name="rendition"),
    path("file", page_views.file, name="file"),
]

share_urls: list[URLPattern | URLResolver] = [
    path("", page_views.page, name="page"),
    path("tiles", page_views.tiles, name="tiles"),
    path("archive", page_views.archive, name="archive"),
    path("opened", recipient_views.opened, name="opened"),
    path("listed", recipient_views.listed, name="listed"),
    path("unlisted", recipient_views.unlisted, name="unlisted"),
    path("add", recipient_views.add, name="add"),
    path("decline", recipient_views.decline, name="decline"),
    path("<int:position>/", include(item_urls)),
    path("<path:rest>", page_views.nothing, name="nothing"),
]

link_urls = [
    path("", link_views.link, name="link"),
    path("progress", link_views.progress, name="progress"),
    path("retry/", link_views.retry, name="retry"),
    path("terms/", link_views.terms, name="terms"),
    path("lifetime/", lifetime_views.lifetime, name="lifetime"),
    path("stop/", stop_views.stop, name="stop"),
]

urlpatterns = [
    path("for-you/", feed_views.for_you, name="for_you"),
    path("for-you/badge", feed_views.badge, name="badge"),
    path("links/", link_views.links, name="links"),
    path("links/new/", link_views.new, name="new"),
    path("links/stop/", stop_views.stop_several, name="stop_several"),
    path("links/<uuid:uuid>/", include(link_urls)),
    path("s/<str:token>/", include(share_urls)),
]
