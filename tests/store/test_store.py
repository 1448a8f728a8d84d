"""The bots' memory: the same promises as the one in a dictionary, on a real database, over restarts."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from core.chat.memory import Memory
from core.chat.testing import InMemory
from core.db import Database, Writing
from core.errors import ConfigError
from core.house.requests import Requests
from core.store import Store
from core.store.memory import KEYS_KEPT, MIGRATIONS, POSTS_KEPT
from core.store.tables import METADATA


def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bots.db'}"


@pytest.fixture
async def memory(engine: str, request: pytest.FixtureRequest) -> AsyncIterator[Memory]:
    if engine == "dictionary":
        yield InMemory()
        return
    async with await Store.open(request.getfixturevalue("empty_url")) as store:
        yield store


EVERYWHERE = pytest.mark.parametrize("engine", ["sqlite", "postgres", "dictionary"], indirect=True)


async def begin(memory: Memory, key: str, platform: str = "p") -> bool:
    return await memory.begin_talk(key, platform=platform, person="7", name="Ann", event='{"a": 1}')


@EVERYWHERE
async def test_an_event_is_new_once(memory: Memory) -> None:
    """The second time it is known, also when its conversation is over."""
    assert await begin(memory, "k")
    assert not await begin(memory, "k")
    await memory.end_talk("k")
    assert not await begin(memory, "k")


@EVERYWHERE
async def test_open_conversations_are_found_with_their_state(memory: Memory) -> None:
    """Oldest first, of one platform only, with one attempt more each time; ended ones are not found."""
    for key in ("b", "a", "c"):
        await begin(memory, key)
    await begin(memory, "x", platform="other")
    await memory.hold_talk("b", kind="draw", state='{"s": 2}')
    await memory.end_talk("a")
    await memory.open_talks("p")
    found = await memory.open_talks("p")
    assert [(talk.key, talk.kind, talk.state, talk.attempts) for talk in found] == [
        ("b", "draw", '{"s": 2}', 2),
        ("c", None, None, 2),
    ]
    assert found[0].event == '{"a": 1}'


@EVERYWHERE
async def test_a_message_is_written_ahead_and_marked(memory: Memory) -> None:
    """First it is fresh, then under way, then known by its id."""
    assert (await memory.begin_sending("k", platform="p", place="q")).fresh
    again = await memory.begin_sending("k", platform="p", place="q")
    assert (again.fresh, again.message) == (False, None)
    await memory.end_sending("k", place="q2", message="m1")
    known = await memory.begin_sending("k", platform="p", place="q")
    assert (known.fresh, known.message, known.place) == (False, "m1", "q2")


@EVERYWHERE
async def test_posts_are_found_by_id_and_by_person(memory: Memory) -> None:
    """Each with what it shows and its buttons; a deleted one is not found any more."""
    for number in range(25):
        key = f"k{number}"
        await memory.begin_sending(key, platform="p", place="q")
        await memory.end_sending(
            key, place="q", message=f"m{number}", person="7", about="r", first_picture=number, buttons='[{"a": 1}]'
        )
    post = await memory.sent_post("p", "q", "m3")
    assert post is not None
    assert (post.message, post.person, post.about, post.first_picture, post.buttons) == (
        "m3",
        "7",
        "r",
        3,
        '[{"a": 1}]',
    )
    recent = await memory.recent_posts("p", "q", "7")
    assert [each.message for each in recent] == [f"m{number}" for number in range(24, 4, -1)]
    await memory.drop_post("p", "q", "m24")
    assert (await memory.recent_posts("p", "q", "7"))[0].message == "m23"
    assert await memory.sent_post("p", "q", "m24") is None
    assert await memory.sent_post("p", "elsewhere", "m3") is None
    assert await memory.sent_post("p", "q", "") is None
    assert [each.message for each in await memory.posts_about("p", "q", "r")] == [f"m{number}" for number in range(24)]
    assert list(await memory.posts_about("p", "elsewhere", "r")) == []


async def test_everything_is_there_after_a_restart(empty_url: str) -> None:
    """Another process finds the event, the message and the request."""
    async with await Store.open(empty_url) as store:
        await begin(store, "k")
        await store.begin_sending("k/answer", platform="p", place="q")
        await store.keep_request("r", platform="p", person="7", wish="{}", now=1e10)
    async with await Store.open(empty_url) as store:
        assert not await begin(store, "k")
        assert not (await store.begin_sending("k/answer", platform="p", place="q")).fresh
        assert await store.request("r") is not None


async def test_requests_are_kept_and_what_is_done_stays_done(empty_url: str) -> None:
    """A second row of the same id changes nothing; states move forward only to the end."""
    async with await Store.open(empty_url) as store:
        requests: Requests = store
        await requests.keep_request("r", platform="p", person="7", wish="first", now=1e10)
        await requests.keep_request("r", platform="p", person="8", wish="second", now=1e10)
        found = await requests.request("r")
        assert found is not None
        assert (found.platform, found.person, found.wish, found.state) == ("p", "7", "first", "open")
        await requests.change_request("r", wish="changed")
        await requests.change_request("r", state="done")
        await requests.change_request("r", state="taken back")
        found = await requests.request("r")
        assert found is not None
        assert (found.wish, found.state) == ("changed", "done")
        assert await requests.request("none") is None


async def test_what_is_old_is_forgotten(empty_url: str) -> None:
    """Keys of answered events after a month, posts after more than a year; open conversations never."""
    now = 1e9
    async with await Store.open(empty_url, clock=lambda: now) as store:
        await begin(store, "ended")
        await store.end_talk("ended")
        await begin(store, "open")
        await store.begin_sending("k", platform="p", place="q")
        now += KEYS_KEPT + 1
        await store.forget_old()
        assert await begin(store, "ended")
        assert not (await store.begin_sending("k", platform="p", place="q")).fresh
        now += POSTS_KEPT + 1
        await store.forget_old()
        assert not await begin(store, "open")
        assert (await store.begin_sending("k", platform="p", place="q")).fresh


async def test_the_migrations_make_the_tables_of_the_code(empty_url: str) -> None:
    """Up gives exactly what the code knows, down leaves nothing, and up again works."""
    async with await Database.open(empty_url) as database:
        await database.upgrade(MIGRATIONS)

        def differences(tx: Writing) -> list[Any]:
            return list(compare_metadata(MigrationContext.configure(tx.connection), METADATA))

        assert await database.write(differences) == []
        await database.downgrade(MIGRATIONS)
        left = await database.write(lambda tx: set(inspect(tx.connection).get_table_names()))
        assert left <= {"alembic_version", "sqlite_sequence"}
        await database.upgrade(MIGRATIONS)


async def test_a_damaged_memory_is_a_sentence(tmp_path: Path) -> None:
    """Pages of noise, or tables of a later version: the operator reads which file it is and what to do."""
    async with await Store.open(address(tmp_path)):
        pass
    file = tmp_path / "bots.db"
    whole = file.read_bytes()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigError, match=r"bots\.db was last used by a newer Largesse"):
        await Store.open(address(tmp_path))
    for rest in ("bots.db-wal", "bots.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(ConfigError, match=r"bots\.db cannot be (used|opened): database disk image is malformed"):
        await Store.open(address(tmp_path))
