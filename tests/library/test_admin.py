"""What staff do with accounts, and what they do not get to see."""

import pytest
from django.urls import reverse
from django.utils import timezone

from library.models import User
from shares.models import Share
from shares.receiving import add
from tests.conftest import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(make_user) -> User:
    return make_user("Stan Low", is_staff=True, is_superuser=True)


def address_of(user: User, act: str) -> str:
    return reverse(f"admin:library_user_{act}", args=[user.pk])


def test_deleting_an_account_ends_its_links_and_leaves_what_others_keep(
    staff, alice, bob, as_bob, carol, make_share, make_asset
):
    share = make_share([make_asset(name="secret-beach.jpg"), make_asset()])
    add(share, bob, None, now=timezone.now())
    client = signed_in(staff)

    asked = client.get(address_of(alice, "delete")).content.decode()
    answer = client.post(address_of(alice, "delete"), {"post": "yes"})

    assert alice.email in asked
    assert "secret-beach" not in asked
    assert share.token[:4] not in asked
    assert answer.status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not Share.objects.exists()
    assert carol.get(share.get_absolute_url()).status_code == 410
    assert [asset.came_from for asset in bob.assets.all()] == ["From a deleted account"] * 2
    for asset in bob.assets.all():
        assert as_bob.get(f"{asset.get_absolute_url()}file").getvalue()


def test_several_accounts_are_deleted_without_naming_what_they_hold(staff, alice, bob, make_asset):
    make_asset(name="secret-beach.jpg")
    chosen = {"action": "delete_selected", "_selected_action": [alice.pk, bob.pk]}
    client = signed_in(staff)

    asked = client.post("/admin/library/user/", chosen)
    client.post("/admin/library/user/", chosen | {"post": "yes"})

    assert "secret-beach" not in asked.content.decode()
    assert list(User.objects.all()) == [staff]


def test_nobody_deletes_the_account_that_they_use(staff, alice):
    client = signed_in(staff)
    everybody = {"action": "delete_selected", "_selected_action": [staff.pk, alice.pk]}

    assert client.post(address_of(staff, "delete"), {"post": "yes"}).status_code == 403
    assert client.post("/admin/library/user/", everybody | {"post": "yes"}).status_code == 403

    assert User.objects.count() == 2


def test_staff_without_the_permission_delete_nobody(make_user, alice):
    client = signed_in(make_user("Sam Low", is_staff=True))

    assert client.post(address_of(alice, "delete"), {"post": "yes"}).status_code == 403

    assert User.objects.filter(pk=alice.pk).exists()
