"""Accounts and gifts against the real coordinator: its registration, its keys, its ledger."""

from __future__ import annotations

import re
from pathlib import Path

from core.chat.notices import Notices
from core.chat.testing import InMemory
from core.chat.types import Place
from core.coordinator.audit import audit
from core.coordinator.people import add_user
from core.kudos.clerk import pay_due
from tests.flow.whole import Whole, whole


async def talk(system: Whole, text: str, person: str) -> str:
    """Somebody tells the bot something in private; its answer."""
    port = system.platform
    place = Place(port.name, f"dm-{person}", private=True)
    await system.dispatch.call(port, port.call(text, person=port.person(person), place=place))
    await system.dispatch.idle()
    return port.posts[-1].text


async def kudos(system: Whole, person: str) -> int:
    """What somebody has, as the bot tells it."""
    found = re.search(r"([\d,]+) kudos", await talk(system, "account", person))
    assert found
    return int(found[1].replace(",", ""))


async def test_a_gift_for_a_picture_moves_kudos_on_the_horde(tmp_path: Path) -> None:
    """Ben joins without any key and draws; Ann, who has a key, rewards his picture; the ledger proves itself."""
    async with whole(tmp_path, gifts={"undo_seconds": 0}) as system:
        told: list[str] = []
        await add_user(system.settings, "Ann", tell=told.append, kudos=100)
        key = next(line.removeprefix("key: ") for line in told if line.startswith("key: "))
        assert "Ann#" in await talk(system, f"login {key}", "ann")
        assert "Welcome" in await talk(system, "join", "ben")
        await (await system.begin("draw a frog", person="ben"))
        picture = next(each for each in system.platform.shown.values() if each.post.pictures)
        before = {person: await kudos(system, person) for person in ("ann", "ben")}
        for _ in range(2):
            put = system.platform.reaction("🎁", picture.ref, person=system.platform.person("ann"))
            await system.dispatch.react(system.platform, put)
            await system.dispatch.idle()
        notices = Notices(InMemory(), [system.platform])
        assert await pay_due(system.house, notices) == 1
        assert await pay_due(system.house, notices) == 0
        assert await kudos(system, "ann") == before["ann"] - 10
        assert await kudos(system, "ben") == before["ben"] + 10
        assert await talk(system, "gifts", "ann") == "10 to Ben: paid"
        settings = system.settings
    assert await audit(settings, told.append) == 0
