"""Fetching what strangers name: nothing of this network is reached, and nothing takes too long or too much."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from core.addresses import Address, is_public
from core.coordinator.blobs.guard import Fetcher, Poster
from core.errors import InvalidRequest

LOOPBACK = "http://127.0.0.1"


def loopback(address: Address) -> bool:
    return address.is_loopback


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A server with a picture, a large thing, and redirects of several kinds."""

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=b"a picture")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 3000)

    async def bomb(_: web.Request) -> web.Response:
        response = web.Response(body=b"0" * 2_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async def jump(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    app = web.Application()
    app.router.add_get("/picture", picture)
    app.router.add_get("/large", large)
    app.router.add_get("/bomb", bomb)
    app.router.add_get("/jump", jump)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"{LOOPBACK}:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  # nobody listens here
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:c0a8:101::",
    ],
)
def test_addresses_of_this_network_are_not_public(text: str) -> None:
    """Private, loopback, link-local, multicast, reserved and documentation ranges, plain or hidden in IPv6."""
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_the_open_internet_is_public(text: str) -> None:
    """Ordinary addresses may be visited, also through a translated IPv6 one."""
    assert is_public(ipaddress.ip_address(text))


async def test_a_picture_is_fetched(site: str) -> None:
    """An allowed address gives its bytes, also behind a redirect."""
    fetcher = Fetcher(limit=1000, allowed=loopback)
    assert await fetcher.fetch(f"{site}/picture") == b"a picture"
    assert await fetcher.fetch(f"{site}/jump?to=/picture") == b"a picture"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_this_machine_is_never_reached(site: str, host: str) -> None:
    """However the loopback address is written, nothing is fetched from it."""
    port = site.rpartition(":")[2]
    with pytest.raises(InvalidRequest) as caught:
        await Fetcher(limit=1000).fetch(f"http://{host}:{port}/picture")
    assert caught.value.code == "SourceImageUrlInvalid"


@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/x", "http://[fe80::1]/x", "http://169.254.169.254/latest/meta-data"]
)
async def test_redirects_are_judged_again(site: str, target: str) -> None:
    """A server that may be visited cannot send us on to one that may not."""
    visited: list[Address] = []

    def allowed(address: Address) -> bool:
        visited.append(address)
        return address.is_loopback

    with pytest.raises(InvalidRequest):
        await Fetcher(limit=1000, allowed=allowed).fetch(f"{site}/jump?to={target}")
    assert len(visited) == 2


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "//", "http://"])
async def test_redirects_to_other_kinds_of_address_are_refused(site: str, target: str) -> None:
    """Only http and https are followed."""
    with pytest.raises(InvalidRequest):
        await Fetcher(limit=1000, allowed=loopback).fetch(f"{site}/jump?to={target}")


@pytest.mark.parametrize("path", ["large", "bomb"])
async def test_too_much_is_refused(site: str, path: str) -> None:
    """More bytes than the limit are not read, packed or not."""
    with pytest.raises(InvalidRequest) as caught:
        await Fetcher(limit=1000, allowed=loopback).fetch(f"{site}/{path}")
    assert caught.value.code == "SourceImageSizeExceeded"


async def test_endless_redirects_end(site: str) -> None:
    """After three hops it is enough."""
    with pytest.raises(InvalidRequest, match="redirects too often"):
        await Fetcher(limit=1000, allowed=loopback).fetch(f"{site}/jump?to=/jump?to=/jump%3Fto=/jump%253Fto=%252Fjump")


@pytest.mark.parametrize(
    "address",
    [
        "http://user:password@8.8.8.8/",
        "http:///x",
        "http://[::1/",
        "https://",
        "http://a b/",
        "http://\0/",
        "http://x:99999/",
    ],
)
async def test_what_is_no_address_is_refused(address: str) -> None:
    """Broken addresses and such with passwords get the code for it."""
    with pytest.raises(InvalidRequest) as caught:
        await Fetcher(limit=1000).fetch(address)
    assert caught.value.code == "SourceImageUrlInvalid"


def test_loopback_is_only_a_means_of_these_tests() -> None:
    """Nobody who leaves out `allowed` can reach this machine."""
    judge: Callable[[Address], bool] = Fetcher(limit=1)._allowed
    assert judge is is_public


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/take",
        "https://127.0.0.1:{port}/take",
        "http://localhost:{port}/take",
        "https://[::1]/take",
        "https://10.1.2.3/take",
        "http://93.184.215.14/take",
        "ftp://example.org/",
    ],
)
async def test_nothing_is_posted_into_this_network(address: str) -> None:
    """Without leave to do so a message reaches neither this machine nor a private one, nor goes out in clear text."""
    taken: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        taken.append(await request.read())
        return web.Response(status=302, headers={"Location": "/take"})

    app = web.Application()
    app.router.add_post("/take", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    with pytest.raises(InvalidRequest):
        await Poster().post(address.format(port=port), b"{}", {})
    assert taken == []
    near = f"http://127.0.0.1:{port}/take"
    assert await Poster(loopback=True).post(near, b"{}", {}) == 302
    assert taken == [b"{}"]
    await runner.cleanup()
