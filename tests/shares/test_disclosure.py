"""Nothing of the sender's rows reaches a template of a link: only values, made by one function."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from uuid import UUID

import pytest
from django.db.models import Model
from django.template import Context, Template
from django.urls import reverse

from library.models import Asset, Blob, Rendition, Stills, User
from shares.models import Share, ShareItem
from tests.conftest import signed_in

PAGES = ("", "?after=1", "tiles?id=1&id=2&id=3", "1/", "2/", "3/")
MINE = ("links", "link", "progress", "stop", "terms", "new")
HEADERS = ({}, {"HX-Request": "true"})

PLAIN = (str, int, float, bool, datetime, UUID, type(None))


@pytest.fixture
def share(make_share, make_asset) -> Share:
    """A link with what is prepared, what is not yet, and what failed."""
    share = make_share([make_asset(), make_asset(), make_asset(prepared=False)])
    failing = Asset.objects.get(share_items__share=share, share_items__position=2)
    fail(failing)
    return share


@pytest.fixture
def touched(monkeypatch) -> list[str]:
    """Trip whatever a template looks up on a row; return what was touched.

    Django's templates ask for `row["name"]` before they ask for `row.name`, and nobody else does.
    A visitor's own account, which pages greet them by, is no trap.
    """
    found: list[str] = []

    def trip(self: Model, name: str) -> None:
        if isinstance(self, User) and self.display_name == "Bob Roe":
            raise TypeError
        found.append(f"{type(self).__name__}.{name}")
        raise AssertionError(found[-1])

    for model in (Asset, Blob, Rendition, Share, ShareItem, Stills, User):
        monkeypatch.setattr(model, "__getitem__", trip, raising=False)
    return found


def fail(asset: Asset) -> None:
    Stills.objects.filter(source=asset.blob).update(state="failed", prepared_at=None)


def models_in(value: object, where: str, seen: set[int]) -> Iterator[str]:
    """Name each place below a context's value where a row of ours can be reached."""
    if isinstance(value, PLAIN) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Model):
        yield f"{where}: {type(value).__name__}"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from models_in(inner, f"{where}.{name}", seen)
    elif isinstance(value, list | tuple | set):
        for inner in value:
            yield from models_in(inner, f"{where}[]", seen)
    else:
        assert is_dataclass(value), f"{where} is a {type(value).__name__}: no plain value"
        for name in [field.name for field in fields(value)] + properties_of(value):
            yield from models_in(getattr(value, name), f"{where}.{name}", seen)


def properties_of(value: object) -> list[str]:
    return [name for name, each in vars(type(value)).items() if isinstance(each, property)]


def rows_in_context(response) -> list[str]:
    """Walk what a view gave to its template; Django itself adds the visitor's own request and account."""
    return list(models_in(response.context_data, "context", set()))


@pytest.mark.parametrize("headers", HEADERS, ids=["page", "fragment"])
@pytest.mark.parametrize("rest", PAGES)
def test_no_template_below_a_link_touches_a_row(rest, headers, share, bob, carol, touched):
    for client in (carol, signed_in(bob)):
        response = client.get(share.get_absolute_url() + rest, headers=headers)

        assert response.status_code == 200
    assert touched == []


@pytest.mark.parametrize("headers", HEADERS, ids=["page", "fragment"])
@pytest.mark.parametrize("rest", PAGES)
def test_no_context_below_a_link_holds_a_row(rest, headers, share, bob, carol):
    for client in (carol, signed_in(bob)):
        response = client.get(share.get_absolute_url() + rest, headers=headers)

        assert rows_in_context(response) == []


@pytest.mark.parametrize("headers", HEADERS, ids=["page", "fragment"])
@pytest.mark.parametrize("name", MINE)
def test_the_senders_own_pages_of_a_link_hold_no_row_either(name, headers, share, alice, as_alice):
    where = [] if name in {"links", "new"} else [share.uuid]
    call = as_alice.post if name == "new" else as_alice.get
    chosen = {"asset": [str(asset.uuid) for asset in alice.assets.all()]} if name == "new" else {}

    response = call(reverse(f"shares:{name}", args=where), chosen, headers=headers)

    assert response.status_code == 200
    assert rows_in_context(response) == []


def test_the_tripwire_is_live(touched, alice):
    with pytest.raises(AssertionError):
        Template("{{ asset.name }}").render(Context({"asset": Asset(owner=alice)}))
    assert touched == ["Asset.name"]
