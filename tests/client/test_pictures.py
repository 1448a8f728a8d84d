"""Fetching pictures: what is taken, from where, how much, and what is refused."""

from __future__ import annotations

import base64
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from core.client import HordeClient, pictures
from core.client.pictures import Guard, decode
from core.errors import HordeRefused, HordeUnavailable, NotFound
from tests.client.conftest import KEY, QUICK
from tests.doubles.horde import WEBP, FakeHorde, Fault

IMAGE = {"Content-Type": "image/webp"}


async def test_a_picture_is_fetched_without_the_key(client: HordeClient, horde: FakeHorde) -> None:
    """The horde's own address may be asked though it is a loopback one; the key stays at home."""
    assert await client.fetch_picture(horde.picture("a.webp", **IMAGE)) == WEBP
    assert "apikey" not in horde.seen[0].headers


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "image/webp"])
async def test_a_store_may_not_know_the_type(client: HordeClient, horde: FakeHorde, kind: str) -> None:
    """Uploads carry no type, so stores give none back; then the bytes decide."""
    headers = {"Content-Type": kind} if kind else {}
    assert await client.fetch_picture(horde.picture("a", **headers)) == WEBP


@pytest.mark.parametrize("prefix", ["", "data:image/webp;base64,"])
async def test_base64_is_taken_as_well(client: HordeClient, prefix: str) -> None:
    """Without r2 the picture itself is in the answer."""
    assert await client.fetch_picture(prefix + base64.b64encode(WEBP).decode()) == WEBP


@pytest.mark.parametrize("text", ["N/A", "", "%%%", base64.b64encode(b"<html>").decode(), "file:///etc/passwd"])
async def test_what_is_no_picture_is_refused(client: HordeClient, text: str) -> None:
    """Neither an address nor a picture: said so."""
    with pytest.raises(HordeRefused, match="not a picture"):
        await client.fetch_picture(text)


@given(st.binary(max_size=200))
def test_base64_gives_the_very_bytes(tail: bytes) -> None:
    """Whatever follows a picture's first bytes arrives unchanged."""
    data = b"\x89PNG\r\n\x1a\n" + tail
    assert decode(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    ("body", "kind"), [(b"<html>", "text/html"), (b"<html>", "image/webp"), (WEBP, "text/html"), (b"", "image/png")]
)
async def test_a_page_is_no_picture(client: HordeClient, horde: FakeHorde, body: bytes, kind: str) -> None:
    """Type and bytes both have to be a picture's."""
    with pytest.raises(HordeRefused, match="not a picture"):
        await client.fetch_picture(horde.picture("a", body, **{"Content-Type": kind}))


async def test_a_picture_has_its_largest_size(client: HordeClient, horde: FakeHorde) -> None:
    """More than the limit is neither kept in memory nor handed on, whether announced or decoded."""
    address = horde.picture("big", WEBP + bytes(pictures.MAX_PICTURE_BYTES), **IMAGE)
    with pytest.raises(HordeRefused, match="too large"):
        await client.fetch_picture(address)
    with pytest.raises(HordeRefused, match="too large"):
        decode("A" * (pictures.MAX_PICTURE_BYTES * 3 // 2))


@pytest.mark.parametrize("status", [403, 404])
async def test_an_expired_address_is_not_found(client: HordeClient, horde: FakeHorde, status: int) -> None:
    """A signed address that ran out is told as such, at once."""
    with pytest.raises(NotFound, match="expired"):
        await client.fetch_picture(horde.picture("a", status=status))
    assert len(horde.seen) == 1


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.HALF, Fault.PROXY_PAGE], ids=lambda fault: fault.name)
async def test_fetching_is_repeated(client: HordeClient, horde: FakeHorde, fault: Fault) -> None:
    """A passing failure of the store costs a repeat, not the picture."""
    address = horde.picture("a", **IMAGE)
    horde.faults.append(fault)
    assert await client.fetch_picture(address) == WEBP


async def test_an_upload_is_repeated(client: HordeClient, horde: FakeHorde) -> None:
    """The same bytes to the same address are the same upload."""
    horde.faults.extend([Fault.PROXY_PAGE, Fault.OVERLOADED])
    await client.upload(horde.picture("up"), b"data")
    assert [call.body for call in horde.seen] == [b"data"] * 3


async def test_redirects_are_followed_with_care(client: HordeClient, horde: FakeHorde) -> None:
    """A store may send us on, but not into the private network and not for ever."""
    target = horde.picture("a", **IMAGE)
    assert await client.fetch_picture(horde.picture("r", b"", status=302, Location=target)) == WEBP
    with pytest.raises(HordeRefused, match="may not be asked"):
        await client.fetch_picture(horde.picture("evil", b"", status=302, Location="http://169.254.169.254/latest"))
    round_and_round = horde.picture("loop", b"", status=302, Location="/pictures/loop")
    with pytest.raises(HordeRefused, match="leads nowhere"):
        await client.fetch_picture(round_and_round)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "http://[::1]:1/x",
        "http://10.0.0.1/x",
        "http://192.168.1.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/x",
        "http://0.0.0.0:80/x",
        "http://100.64.0.1/x",
        "http://224.0.0.1/x",
    ],
)
async def test_private_addresses_are_not_asked(client: HordeClient, address: str) -> None:
    """Only the horde's own place may be private: no other port, host or network."""
    with pytest.raises(HordeRefused, match="may not be asked"):
        await client.fetch_picture(address)
    with pytest.raises(HordeRefused, match="may not be asked"):
        await client.upload(address, b"data")


async def test_names_that_lead_to_private_addresses_are_not_asked(client: HordeClient) -> None:
    """What counts is the address that a name resolves to, at the very moment it is used."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with pytest.raises(HordeUnavailable):
            await client.fetch_picture(f"http://localhost:{listening.getsockname()[1]}/x")
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


async def test_loopback_has_several_names(horde: FakeHorde) -> None:
    """A horde that is reached as 127.0.0.1 may call itself localhost."""
    async with HordeClient(horde.url, KEY, "T:1:n", patience=QUICK) as client:
        address = horde.picture("a", **IMAGE).replace("127.0.0.1", "localhost")
        assert await client.fetch_picture(address) == WEBP


async def test_further_places_may_be_trusted(horde: FakeHorde) -> None:
    """The operator may name an address that belongs to the horde though it is private."""
    async with HordeClient(
        "https://horde.example/api/", KEY, "T:1:n", patience=QUICK, also_trusted=(horde.url,)
    ) as client:
        assert await client.fetch_picture(horde.picture("a", **IMAGE)) == WEBP


async def test_public_addresses_may_be_asked() -> None:
    """Stores of the field are on the public network."""
    guard = Guard([URL("https://aihorde.net")])
    assert guard.allows("8.8.8.8", 443)
    assert guard.allows("store.example", 443)
    assert not guard.allows("fe80::1%eth0", 80)
    await guard.close()
