"""Signed addresses: what they open, and that nothing else is opened by them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.coordinator.blobs.keys import checked
from core.coordinator.blobs.signer import Access, Signer
from core.errors import NotAllowed, NotFound

SECRET = b"a secret of the tests"
KEY = "results/3f0c6c4e-2f4b-4bb9-a9b9-0f5f4b8f6f11.webp"


def parts(query: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in query.split("&"))


def test_an_address_opens_what_it_was_made_for() -> None:
    """A fresh address is accepted for its own key and access, with about ttl seconds left."""
    signer = Signer(SECRET, 600)
    assert 598 <= signer.check(Access.PUT, KEY, **parts(signer.query(Access.PUT, KEY))) <= 600


@pytest.mark.parametrize("access", [Access.GET, Access.PUT])
def test_an_address_opens_nothing_else(access: Access) -> None:
    """Another access, another key, a later expiry or another secret is refused."""
    signer = Signer(SECRET, 600)
    other = Access.GET if access is Access.PUT else Access.PUT
    query = parts(signer.query(access, KEY))
    later = {**query, "expires": str(int(query["expires"]) + 1)}
    attempts = [
        (signer, other, KEY, query),
        (signer, access, KEY.replace("3f0c", "4f0c"), query),
        (signer, access, KEY, later),
        (Signer(b"another secret", 600), access, KEY, query),
    ]
    for by, what, key, said in attempts:
        with pytest.raises(NotAllowed) as caught:
            by.check(what, key, **said)
        assert caught.value.code == "BadSignature"


def test_an_address_expires() -> None:
    """Once its time is over, the right signature opens nothing."""
    signer = Signer(SECRET, -1)
    with pytest.raises(NotAllowed) as caught:
        signer.check(Access.GET, KEY, **parts(signer.query(Access.GET, KEY)))
    assert caught.value.code == "AddressExpired"


@given(expires=st.text(max_size=40), signature=st.text(max_size=80))
def test_nonsense_is_refused_and_never_crashes(expires: str, signature: str) -> None:
    """Whatever stands in the query, the answer is a refusal."""
    with pytest.raises(NotAllowed):
        Signer(SECRET, 600).check(Access.GET, KEY, expires, signature)


def test_the_address_does_not_show_the_secret() -> None:
    """Neither the secret nor what is derived from it stands in the query."""
    assert SECRET.decode() not in Signer(SECRET, 600).query(Access.GET, KEY)
    assert int(parts(Signer(SECRET, 600).query(Access.GET, KEY))["expires"]) > time.time()


@pytest.mark.parametrize(
    "key",
    [
        "../secret",
        "results/../../secret.webp",
        "results/..%2fsecret.webp",
        "/etc/passwd",
        "results//etc/passwd.webp",
        "results/a.webp/../../x.webp",
        "results\\x.webp",
        "results/aa.webp\n",
        "results/aa.webp\0",
        "results/.webp",
        "other/aaaa.webp",
        "results/aaaa.png",
        "results/\uff41\uff41\uff41\uff41.webp",
        "",
    ],
)
def test_only_names_of_pictures_are_keys(key: str) -> None:
    """Paths, odd characters and other endings never become a place on the disk."""
    with pytest.raises(NotFound):
        checked(key)
