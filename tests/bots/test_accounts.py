"""Who people are: logging in, joining, linking and being forgotten, as conversations on two platforms."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bots import REPERTOIRE
from core.accounts.commands import seal_anew
from core.chat.dispatch import Dispatch
from core.chat.port import Limits
from core.chat.testing import FakePlatform
from core.house import House, open_house
from core.house.seal import Seal
from core.settings import Bots, Settings
from core.store import Store
from tests.bots.scripted import ScriptedHorde

KEY = "her-own-key-of-the-horde"


class Clock:
    """Seconds that a test sets."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Town:
    """One bot on two platforms."""

    def __init__(self, house: House, store: Store, clock: Clock) -> None:
        self.house, self.store, self.clock = house, store, clock
        self.north = FakePlatform(name="north")
        self.south = FakePlatform(Limits(can_whisper=True, edit_interval=0.0), name="south")
        self.dispatch = Dispatch(REPERTOIRE, house, store, requests_per_minute=600)

    async def say(self, port: FakePlatform, text: str, *, person: str = "ann", private: bool = True) -> str:
        """Somebody says something; the newest that the bot says then."""
        place = port.place(f"dm-{person}" if private else "room", private=private)
        before = set(port.shown)
        await self.dispatch.call(port, port.call(text, person=port.person(person), place=place))
        async with asyncio.timeout(30):
            await self.dispatch.idle()
        fresh = [each.post.text for number, each in port.shown.items() if number not in before]
        return fresh[-1] if fresh else ""


@pytest.fixture
async def town(tmp_path: Path, horde: ScriptedHorde) -> AsyncIterator[Town]:
    clock = Clock()
    horde.people[KEY] = ("Ann#7", 1234.0)
    async with (
        await Store.open(f"sqlite:///{tmp_path / 'bots.db'}", clock=clock) as store,
        open_house(
            Bots(), store, horde_url=horde.url, api_key=SecretStr("bots-key"), data_dir=tmp_path, clock=clock
        ) as house,
    ):
        yield Town(house, store, clock)


async def test_one_draws_with_ones_own_account(town: Town, horde: ScriptedHorde, tmp_path: Path) -> None:
    """A key told in private is tried, sealed and used; what others ask for goes under the bots' own as before."""
    assert "Ann#7" in await town.say(town.north, f"login {KEY}")
    await town.say(town.north, "draw a frog")
    await town.say(town.north, "draw a frog", person="ben")
    assert horde.keys == [KEY, "bots-key"]
    assert "Ann#7, 1,234 kudos" in await town.say(town.north, "account")
    kept = (tmp_path / "bots.db").read_bytes() + (tmp_path / "bots.db-wal").read_bytes()
    assert KEY.encode() not in kept
    assert (tmp_path / "sealing.keys").stat().st_mode & 0o777 == 0o600


async def test_a_wrong_key_is_not_kept(town: Town) -> None:
    """Nobody's key, and what is no key at all, are refused in words."""
    assert "knows nobody" in await town.say(town.north, "login somebody-elses-key")
    assert "no API key" in await town.say(town.north, "login my key")
    assert await town.store.account("north", "ann") is None


async def test_a_key_shown_in_public_is_not_used(town: Town, horde: ScriptedHorde) -> None:
    """The message is taken away, the person told to get a new key, and nobody is logged in."""
    assert "Never show an API key" in await town.say(town.north, f"login {KEY}", private=False)
    assert await town.store.account("north", "ann") is None
    assert "GET /api/v2/find_user" not in horde.calls


async def test_balances_are_told_in_private_only(town: Town) -> None:
    """In public it is whispered, and where that is impossible it is not said."""
    await town.say(town.north, f"login {KEY}")
    assert "in private only" in await town.say(town.north, "account", private=False)
    await town.say(town.south, f"login {KEY}")
    assert "1,234" in await town.say(town.south, "account", private=False)
    assert [each.to for each in town.south.shown.values() if "1,234" in each.post.text] == ["ann"]


async def test_an_account_without_any_key(town: Town, horde: ScriptedHorde) -> None:
    """`join` makes one on a horde of ours; a foreign one is told where to go; nobody gets two."""
    assert "Ann#101" in await town.say(town.north, "join")
    assert "already" in await town.say(town.north, "join")
    await town.say(town.north, "draw a frog")
    assert horde.keys == ["made-key-1-for-tests"]
    horde.is_ours = False
    assert "own page" in await town.say(town.north, "join", person="ben")


async def code(town: Town, port: FakePlatform, **more: Any) -> str:
    found = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", await town.say(port, "link", **more))
    assert found
    return found[0]


async def test_two_names_become_one_person(town: Town, horde: ScriptedHorde) -> None:
    """A code from one platform, told on the other, links them; her account pays on both; it works once."""
    await town.say(town.north, f"login {KEY}")
    shown = await code(town, town.north)
    assert "Ann on North and Ann on South" in await town.say(town.south, f"link {shown.lower()}")
    await town.say(town.south, "draw a frog")
    assert horde.keys == [KEY]
    assert "not valid" in await town.say(town.south, f"link {shown}", person="eve")
    await town.say(town.south, "unlink")
    await town.say(town.south, "draw a frog")
    assert horde.keys == [KEY, "bots-key"]


async def test_codes_end(town: Town) -> None:
    """After ten minutes, when a newer one is made, and for whoever guesses; who is linked already is told so."""
    late = await code(town, town.north)
    town.clock.now += 601
    assert "not valid" in await town.say(town.south, f"link {late}")
    first = await code(town, town.north)
    second = await code(town, town.north)
    assert "not valid" in await town.say(town.south, f"link {first}")
    for _ in range(3):
        await town.say(town.south, "link WRNG-CODE")
    assert "wait ten minutes" in await town.say(town.south, f"link {second}")
    town.clock.now += 601
    third = await code(town, town.north)
    assert "Linked" in await town.say(town.south, f"link {third}")
    fourth = await code(town, town.north)
    assert "already" in await town.say(town.south, f"link {fourth}")


async def test_a_code_is_told_to_nobody_else(town: Town) -> None:
    """In public where nobody can be whispered to, none is made."""
    assert "in private only" in await town.say(town.north, "link", private=False)
    assert await town.store.account("north", "ann") is None


async def test_being_forgotten(town: Town, horde: ScriptedHorde) -> None:
    """Account, key, names and requests are gone on every platform; she is a guest again."""
    await town.say(town.north, f"login {KEY}")
    await town.say(town.south, f"link {await code(town, town.north)}")
    await town.say(town.south, "draw a frog")
    assert "forget me" in await town.say(town.south, "forget it")
    assert "Done" in await town.say(town.south, "forget me")
    assert await town.store.account("north", "ann") is None
    assert await town.store.sealed_keys() == []
    await town.say(town.north, "draw a frog")
    assert horde.keys == [KEY, "bots-key"]


async def test_keys_are_sealed_anew(town: Town, horde: ScriptedHorde, tmp_path: Path) -> None:
    """With a fresh key, while the bots run; a lost sealing key explains itself to its people."""
    await town.say(town.north, f"login {KEY}")
    before = (tmp_path / "sealing.keys").read_text(), (await town.store.sealed_keys())[0].sealed
    told: list[str] = []
    settings = Settings.model_validate({"general": {"data_dir": tmp_path}})
    assert await seal_anew(settings, told.append) == 0
    assert told == ["Sealed anew: 1."]
    after = (tmp_path / "sealing.keys").read_text(), (await town.store.sealed_keys())[0].sealed
    assert before[0] != after[0]
    assert before[1] != after[1]
    await town.say(town.north, "draw a frog")
    assert horde.keys == [KEY]
    (tmp_path / "sealing.keys").unlink()
    assert "log in again" in await town.say(town.north, "draw a frog")
    assert await seal_anew(settings, told.append) == 1
    assert "Ann#7" in told[-1]


def test_a_seal_belongs_to_one_account(tmp_path: Path) -> None:
    """Moved into another person's row it does not open; the first key of the settings seals, all of them open."""
    from cryptography.fernet import Fernet

    from core.errors import ConfigError, NotAllowed

    old, new = (Fernet.generate_key().decode() for _ in range(2))
    sealed = Seal(tmp_path / "none", SecretStr(old)).close("a", "secret")
    both = Seal(tmp_path / "none", SecretStr(f"{new}, {old}"))
    assert both.open("a", sealed) == "secret"
    with pytest.raises(NotAllowed):
        both.open("b", sealed)
    with pytest.raises(NotAllowed):
        Seal(tmp_path / "none", SecretStr(new)).open("a", sealed)
    with pytest.raises(ConfigError, match="in front"):
        both.add_key()
    with pytest.raises(ConfigError, match="no Fernet key"):
        Seal(tmp_path / "none", SecretStr("nonsense")).close("a", "secret")
    assert "secret" not in repr(both)
    assert not (tmp_path / "none").exists()
