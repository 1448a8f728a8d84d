"""Who may come in and what is taken from whom, asked as a hostile program would, without a browser."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.web.platform import Web
from adapters.web.site.album import MOST_UPLOADS, Album
from core.chat.command import Repertoire
from core.chat.types import Button, Call, Person, Picture, Place, Post, Press, Reaction
from core.errors import ConfigError, NotFound, StorageFull

EVERYWHERE = "0.0.0.0"  # noqa: S104  # that is what the tests are about
WIDE = "".join(chr(ord(letter) + 0xFEE0) for letter in "LARGESSE")
"""The bot's name in wide letters, as they are written between Chinese ones."""


class Heard:
    """Takes the place of dispatch."""

    def __init__(self) -> None:
        self.repertoire = Repertoire()
        self.events: list[Call | Press | Reaction] = []

    async def suggest(self, name: str, typed: str, *, limit: int = 25) -> list[str]:
        return [name, typed][:limit]

    async def call(self, _port: object, call: Call) -> None:
        self.events.append(call)

    async def press(self, _port: object, press: Press) -> None:
        self.events.append(press)

    async def react(self, _port: object, reaction: Reaction) -> None:
        self.events.append(reaction)

    async def idle(self) -> None:
        return


class Visitor:
    """A program that talks to the page."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = aiohttp.ClientSession(
            url, headers={"Origin": url, **headers}, cookie_jar=aiohttp.CookieJar(unsafe=True)
        )
        self.live: aiohttp.ClientWebSocketResponse
        self.hello: dict[str, Any] = {}
        self._keys = 0

    async def enter(self, name: str = "Ann", secret: str = "") -> int:
        async with self.http.post("/enter", json={"name": name, "secret": secret}) as answer:
            return answer.status

    async def join(self, room: str = "lobby", seen: int = 0) -> dict[str, Any]:
        self.live = await self.http.ws_connect(f"/live?room={room}&seen={seen}")
        self.hello = await self.live.receive_json()
        return self.hello

    async def ask(self, **fields: Any) -> dict[str, Any]:
        """Ask something; the answer to it, done or refused."""
        self._keys += 1
        key = fields.setdefault("key", f"key-{self._keys:08}")
        await self.live.send_json(fields)
        return await self.until(lambda event: event["t"] in {"done", "refused"} and event["key"] == key)

    async def until(self, wanted: Any) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                event = await self.live.receive_json()
                if wanted(event):
                    return event

    async def upload(self, data: bytes, name: str = "a.png") -> tuple[int, dict[str, Any]]:
        async with self.http.post("/upload", params={"name": name}, data=data) as answer:
            return answer.status, await answer.json()


def page(folder: Path, **settings: Any) -> Web:
    known: dict[str, Any] = {
        "host": "127.0.0.1", "port": 0, "secret": SecretStr(""), "rooms": ["lobby", "other"],
        "max_upload_bytes": 200_000, "data_dir": folder,
    }  # fmt: skip
    return Web(**(known | settings))


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[tuple[Web, Heard]]:
    web, heard = page(folder, **settings), Heard()
    task = asyncio.create_task(web.run(heard))
    try:
        yield web, heard
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def visitor(web: Web, name: str | None = "Ann", **headers: str) -> AsyncIterator[Visitor]:
    made = Visitor(web.url.rstrip("/"), **headers)
    async with made.http:
        if name is not None:
            assert await made.enter(name) == 200
        yield made


def png(width: int = 20, height: int = 10, mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), 1).save(out, "PNG")
    return out.getvalue()


async def test_every_answer_carries_the_headers_that_keep_scripts_out(tmp_path: Path) -> None:
    """Page, script, refusal: no inline script, no sniffing, no frames; nothing in the page is inline or remote."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann:
        for path in ("/room/lobby", "/static/page.js", "/me", "/nowhere", "/pictures/x", "/"):
            async with ann.http.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for file in (Path(__file__).parents[3] / "adapters/web/site/static").iterdir():
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not any(
                each in text for each in ("http://", "https://cdn", "innerHTML", "onclick=", "style=", "@import")
            )


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://127.0.0.1:1"])
async def test_other_pages_cannot_speak_for_a_visitor(tmp_path: Path, origin: str) -> None:
    """Another origin is refused at the socket, at uploads and at the door."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann, visitor(web, None, Origin=origin) as evil:
        evil.http.cookie_jar.update_cookies(ann.http.cookie_jar.filter_cookies(ann.http._base_url))
        assert await evil.enter() == 403
        assert (await evil.upload(png()))[0] == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await evil.join()
        assert refused.value.status == 403


async def test_a_local_page_has_local_names_only(tmp_path: Path) -> None:
    """A name server that sends a stranger's name here opens nothing."""
    async with opened(tmp_path) as (web, _), visitor(web, None, Host="evil.example") as evil:
        answer = await evil.http.get("/me")
        assert answer.status == 403


async def test_a_name_is_a_signed_cookie(tmp_path: Path) -> None:
    """Nobody is anybody without it, a changed one counts as none, and it survives a restart of the page."""
    async with opened(tmp_path) as (web, _), visitor(web, None) as ann:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await ann.join()
        assert await ann.enter(" Ann  Example ") == 200
        assert (await ann.join())["me"]["name"] == "Ann Example"
        (cookie,) = list(ann.http.cookie_jar)
        assert cookie["httponly"]
        assert cookie["samesite"] == "Strict"
        for name in ("", "x" * 41, "largesse", WIDE, "a\u202eb"):
            assert await ann.enter(name) == 400
    async with opened(tmp_path) as (web, _), visitor(web, None) as again:
        again.http.cookie_jar.update_cookies({"largesse_web": cookie.value})
        assert (await again.join())["me"]["name"] == "Ann Example"
        again.http.cookie_jar.update_cookies({"largesse_web": "A" + cookie.value})
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await again.join()


async def test_beyond_this_machine_a_secret_is_needed(tmp_path: Path) -> None:
    """Without one the settings are refused; with one nobody comes in, or sees a picture, who does not know it."""
    with pytest.raises(ConfigError, match=r"web\.secret"):
        page(tmp_path, host=EVERYWHERE)
    with capture_logs() as logged:
        async with (
            opened(tmp_path, host=EVERYWHERE, secret=SecretStr("swordfish")) as (web, _),
            visitor(web, None) as ann,
        ):
            assert await ann.enter(secret="sword") == 403
            async with ann.http.get("/pictures/" + "0" * 40 + ".webp") as answer:
                assert answer.status == 403
            assert await ann.enter(secret="swordfish") == 200
            await ann.join()
            for _ in range(40):
                last = await ann.enter(secret="guess")
            assert last == 429
            (cookie,) = list(ann.http.cookie_jar)
    assert any(each["event"] == "page_open_to_network" for each in logged)
    async with opened(tmp_path, secret=SecretStr("other")) as (web, _), visitor(web, None) as ann:
        ann.http.cookie_jar.update_cookies({"largesse_web": cookie.value})
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await ann.join()


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """A taken port, rooms that clash, and a folder in the way are said in words."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match=r"web\.port"):
        page(tmp_path, port=taken.getsockname()[1])
    with pytest.raises(ConfigError, match=r"web\.rooms"):
        page(tmp_path, rooms=["direct"])
    (tmp_path / "web").rename(tmp_path / "moved")
    (tmp_path / "web").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be used"):
        page(tmp_path)


def bomb() -> bytes:
    """A small PNG that claims to be 50,000 pixels wide and high."""
    head = b"\0\0\xc3\x50\0\0\xc3\x50\x08\x02\0\0\0"

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9999))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 400),
        (b"GIF89a<script>", 400),
        (b"", 400),
        (png()[:40], 400),
        (bomb(), 400),
        (png(8000, 6000, "1"), 400),
        (bytes(200_001), 413),
    ],
    ids=["svg", "gif", "nothing", "cut off", "bomb", "too many pixels", "too many bytes"],
)
async def test_uploads_are_pictures_of_a_bearable_size(tmp_path: Path, data: bytes, status: int) -> None:
    """Everything else is refused with a sentence and leaves no file."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann:
        found, told = await ann.upload(data)
    assert found == status
    assert told["error"].endswith((".", "WebP."))
    assert list((tmp_path / "web/pictures/uploads").iterdir()) == []


async def test_an_upload_loses_what_was_hidden_in_it(tmp_path: Path) -> None:
    """It is made anew: no place where it was taken, no archive glued to its end, a harmless name."""
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    out = io.BytesIO()
    Image.new("RGB", (20, 10)).save(out, "JPEG", exif=exif.tobytes())
    async with opened(tmp_path) as (web, heard), visitor(web) as ann:
        status, told = await ann.upload(out.getvalue() + b"PK\3\4 secret place", '../../<b>x".jpg')
        assert (status, told["name"]) == (200, "b-x.webp")
        await ann.join("direct")
        done = await ann.ask(t="say", text="draw it", pictures=[{"file": told["file"], "name": told["name"]}])
        assert done["t"] == "done"
        (call,) = heard.events
        assert isinstance(call, Call)
        (picture,) = call.pictures
        assert b"secret" not in (picture.data or b"")
        missing = await ann.ask(t="say", text="x", pictures=[{"file": "0" * 40 + ".webp"}])
        assert missing["t"] == "refused"


async def test_uploads_that_nobody_sends_are_forgotten(tmp_path: Path) -> None:
    """After a day, and the oldest when there are too many; a full disk is a sentence."""
    album = Album(tmp_path / "pictures", b"key")
    album.open()
    first = album.upload(Picture(png()))
    for _ in range(MOST_UPLOADS):
        newest = album.upload(Picture(png()))
    assert not (album.uploads / first).exists()
    assert len(list(album.uploads.iterdir())) == MOST_UPLOADS
    os.utime(album.uploads / newest, (0, 0))
    album.open()
    with pytest.raises(NotFound):
        album.read(newest)
    shutil.rmtree(album.uploads)
    with pytest.raises(StorageFull):
        album.upload(Picture(png()))


async def test_pictures_have_names_that_nobody_guesses(tmp_path: Path) -> None:
    """They are served as what they are, in a sandbox; other paths lead nowhere."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann:
        await web.send(Place("web", "lobby", private=False), Post("x", (Picture(png(), mime="image/png"),)), key="k")
        (message,) = (await ann.join())["messages"]
        file = message["pictures"][0]["file"]
        assert len(file) == 44
        async with ann.http.get(f"/pictures/{file}") as answer:
            assert (answer.status, answer.content_type) == (200, "image/png")
            assert "sandbox" in answer.headers["Content-Security-Policy"]
        for path in ("..%2f..%2fkey", "%2e%2e/key", "0" * 40 + ".webp", "uploads", "../history.db", "a/b.webp"):
            async with ann.http.get(f"/pictures/{path}") as answer:
                assert answer.status == 404


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{", '{"t": "say"}', '{"t": "say", "key": "k", "text": "x"}',
        '{"t": "become", "key": "key-00000001", "name": "root"}',
        '{"t": "say", "key": "key-00000001", "text": 5}',
        '{"t": "say", "key": "key-00000001", "text": "x", "person": "ben"}',
        '{"t": "say", "key": "key-00000001", "text": "   "}',
        json.dumps({"t": "say", "key": "key-00000001", "text": "x" * 10_001}),
        '{"t": "react", "key": "key-00000001", "message": 1, "emoji": "<b>", "added": true}',
        '{"t": "press", "key": "key-00000001", "message": 9, "button": 0}',
        '{"t": "delete", "key": "key-00000001", "message": 99999999999999999999}',
    ],
)  # fmt: skip
async def test_what_our_page_never_sends_is_refused(tmp_path: Path, text: str) -> None:
    """In words, without an end of the connection and without an event."""
    async with opened(tmp_path) as (web, heard), visitor(web) as ann:
        await ann.join()
        await ann.live.send_str(text)
        told = await ann.until(lambda event: event["t"] == "refused")
        assert told["error"]
        assert (await ann.ask(t="say", text="still here"))["t"] == "done"
        assert heard.events == []


async def test_nobody_touches_what_is_not_theirs(tmp_path: Path) -> None:
    """Others' messages, whispers and rooms: no edit, no removal, no press, no sight."""
    async with opened(tmp_path) as (web, heard), visitor(web) as ann, visitor(web, "Ben") as ben:
        await ann.join()
        await ann.ask(t="say", text="mine")
        person, lobby = Person("web", ann.hello["me"]["id"], "Ann"), Place("web", "lobby", private=False)
        whisper = Post("for Ann", buttons=(Button("Go", "go", "secret-arg"),))
        sent = await web.whisper(person, lobby, whisper, key="w")
        hello = await ben.join()
        assert [each["text"] for each in hello["messages"]] == ["mine"]
        assert "secret-arg" not in json.dumps(hello)
        number = hello["messages"][0]["id"]
        for ask in (
            {"t": "edit", "message": number, "text": "yours"},
            {"t": "delete", "message": number},
            {"t": "press", "message": int(sent.ref.message), "button": 0},
            {"t": "react", "message": int(sent.ref.message), "emoji": "👍", "added": True},
            {"t": "press", "message": number, "button": 0},
        ):
            assert (await ben.ask(**ask))["t"] == "refused"
        assert heard.events == []
        assert (await ann.ask(t="press", message=int(sent.ref.message), button=0))["t"] == "done"
        (press,) = heard.events
        assert isinstance(press, Press)
        assert (press.action, press.arg, press.person) == ("go", "secret-arg", person)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await ben.join(f"direct:{person.id}")


async def test_floods_are_slowed(tmp_path: Path) -> None:
    """Messages, uploads and pages of one person have an end; others go on."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann, visitor(web, "Ben") as ben:
        await ann.join()
        answers = [(await ann.ask(t="say", text=str(number)))["t"] for number in range(130)]
        assert answers.count("done") == 120
        statuses = [(await ann.upload(png()))[0] for _ in range(22)]
        assert statuses.count(429) == 2
        pages = [await ann.http.ws_connect("/live?room=lobby") for _ in range(31)]
        last = await pages[-1].receive()
        assert (last.type, last.data) == (aiohttp.WSMsgType.CLOSE, 1013)
        await ben.join()
        assert (await ben.ask(t="say", text="hello"))["t"] == "done"


async def test_a_page_that_cannot_keep_up_has_no_gap(tmp_path: Path) -> None:
    """Its connection is closed instead of leaving something out; what it got until then is complete."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann, visitor(web, "Ben") as ben:
        await ann.join()
        await ben.join()
        lobby, many = Place("web", "lobby", private=False), 1500
        for number in range(many):
            await web.send(lobby, Post(f"{number} {'x' * 19_000}"), key=f"n{number}")
        got: list[int] = []
        async with asyncio.timeout(20):
            async for message in ann.live:
                event = message.json()
                got += [int(event["text"].split()[0])] if event["t"] == "message" else []
        assert got == list(range(len(got)))
        assert len(got) < many
        last = (await ann.join(seen=1))["messages"][-1]
        assert last["text"].startswith(f"{many - 1} ")


async def test_asking_twice_is_asking_once(tmp_path: Path) -> None:
    """A page that never got the answer asks again under its key: one message, one event; also after a restart."""
    async with opened(tmp_path) as (web, heard), visitor(web) as ann:
        await ann.join("direct")
        for _ in range(3):
            assert (await ann.ask(t="say", text="draw a cat", key="same-key-1"))["t"] == "done"
        assert len(heard.events) == 1
        (cookie,) = list(ann.http.cookie_jar)
    async with opened(tmp_path) as (web, heard), visitor(web, None) as ann:
        ann.http.cookie_jar.update_cookies({"largesse_web": cookie.value})
        hello = await ann.join("direct")
        assert [each["text"] for each in hello["messages"]] == ["draw a cat"]
        assert (await ann.ask(t="say", text="draw a cat", key="same-key-1"))["t"] == "done"
        assert heard.events == []


async def test_a_page_that_was_away_gets_what_is_newer(tmp_path: Path) -> None:
    """By the last number it saw: changes, removals, others' words; too much of it is a fresh start."""
    async with opened(tmp_path) as (web, _), visitor(web) as ann, visitor(web, "Ben") as ben:
        await ann.join()
        await ben.join()
        await ann.ask(t="say", text="one")
        await ann.ask(t="say", text="two")
        first, second = (await ben.join())["messages"]
        seen = ben.hello["seen"]
        await ann.ask(t="edit", message=first["id"], text="first")
        await ann.ask(t="delete", message=second["id"])
        await ann.ask(t="say", text="three")
        hello = await ben.join(seen=seen)
        assert not hello["fresh"]
        assert [(each.get("text"), each.get("gone")) for each in hello["messages"]] == [
            ("first", None), (None, True), ("three", None),
        ]  # fmt: skip
        assert (await ben.join(seen=hello["seen"]))["messages"] == []
        assert (await ben.join(seen=10**9))["fresh"]
        for number in range(201):
            await web.send(Place("web", "lobby", private=False), Post(str(number)), key=f"n{number}")
        hello = await ben.join(seen=hello["seen"])
        assert hello["fresh"]
        assert hello["more"]
        assert [each["text"] for each in hello["messages"]] == [str(number) for number in range(151, 201)]
