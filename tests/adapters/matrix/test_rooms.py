"""In and out of rooms, who may what in them, and what cannot be read there."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from rigs import listening

from adapters.matrix.engine import MEGOLM
from adapters.matrix.sealed import EXPLANATION
from core.chat.port import SendRefused
from core.chat.types import Call, Place, Post
from tests.adapters.matrix.bot import joined, matrix
from tests.adapters.matrix.conftest import Together
from tests.adapters.matrix.human import human
from tests.doubles.synapse_server import SynapseServer


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  # it happens elsewhere
            await asyncio.sleep(0.05)


async def test_only_who_is_on_the_list_may_invite(server: SynapseServer, tmp_path: Path) -> None:
    """A user and the members of a space bring the bot in, others are declined, and so is who is banned."""
    async with human(server, tmp_path / "ann") as ann, human(server, tmp_path / "bob") as bob:
        space = await ann.room(bob.id, encrypted=False, creation_content={"type": "m.space"}, preset="public_chat")
        lists = await ann.room(encrypted=False, preset="public_chat")
        bot = matrix(server, tmp_path, allow=[ann.id, space], policies=[lists])
        async with listening(bot):
            await joined(bot, space)
            await joined(bot, lists)
            await joined(bot, await ann.room(bot._user, encrypted=False))
            refused = await bob.room(bot._user, encrypted=False)
            await bob.until(lambda: bot._user not in bob.client.rooms[refused].users)
            await bob.client.join(space)
            await until(lambda: bob.id in bot._connection.rooms.present(space))
            second = await bob.room(bot._user, encrypted=False)
            await joined(bot, second)
            rule = {"entity": bob.id, "recommendation": "m.ban", "reason": "spam"}
            server.ask(ann.account, "PUT", f"/v3/rooms/{quote(lists)}/state/m.policy.rule.user/bob", rule)
            await until(lambda: bot._connection.rooms.banned(bob.id))
            third = await bob.room(bot._user, encrypted=False)
            await bob.until(lambda: bot._user not in bob.client.rooms[third].users)


async def test_it_leaves_empty_rooms_and_follows_those_that_move(together: Together, server: SynapseServer) -> None:
    """A moved room is followed when both rooms say so; a false successor and an empty room are left."""
    pair = await together()
    moved = await pair.ann.room(pair.me, encrypted=False, preset="public_chat")
    await joined(pair.bot, moved)
    body = {"new_version": "11"}
    new = server.ask(pair.ann.account, "POST", f"/v3/rooms/{quote(moved)}/upgrade", body)["replacement_room"]
    await joined(pair.bot, new)
    other = await pair.ann.room(pair.me, encrypted=False, preset="public_chat")
    trap = await pair.ann.room(encrypted=False, preset="public_chat")
    await joined(pair.bot, other)
    tombstone = {"body": "moved", "replacement_room": trap}
    server.ask(pair.ann.account, "PUT", f"/v3/rooms/{quote(other)}/state/m.room.tombstone/", tombstone)
    await pair.ann.until(lambda: _came_and_went(pair.ann.events, trap, pair.me))
    await pair.ann.client.room_leave(pair.room)
    await until(lambda: not pair.bot._connection.rooms.joined(pair.room))


def _came_and_went(events: list[tuple[str, dict[str, Any]]], room: str, user: str) -> bool:
    mine = [e["content"]["membership"] for r, e in events if r == room and e.get("state_key") == user]
    return mine == ["join", "leave"]


async def test_without_power_it_says_nothing_and_to_the_ignored_it_does_not_listen(
    together: Together, server: SynapseServer
) -> None:
    """Power levels are looked at before sending; who is ignored by the account is not heard."""
    pair = await together()
    call = await pair.say("one")
    levels = {"events_default": 50, "users": {}}
    server.ask(pair.ann.account, "PUT", f"/v3/rooms/{quote(pair.room)}/state/m.room.power_levels/", levels)
    rooms = pair.bot._connection.rooms
    await until(lambda: not rooms.may(pair.room, pair.me, "m.room.message"))
    with pytest.raises(SendRefused):
        await pair.bot.send(call.place, Post("two"), key="p/answer")
    assert rooms.may(pair.room, pair.ann.id, "m.room.tombstone", state=True), "a creator may everything"
    token = pair.bot._connection.engine.access_token
    account = type(pair.ann.account)(pair.me, "", token, "")
    ignored = {"ignored_users": {pair.ann.id: {}}}
    server.ask(account, "PUT", f"/v3/user/{quote(pair.me)}/account_data/m.ignored_user_list", ignored)
    await until(lambda: rooms.ignores(pair.ann.id))
    await pair.ann.say(pair.room, "can you hear me?")
    await asyncio.sleep(0.5)
    assert pair.recorder.events.empty()


async def test_nothing_leaves_unencrypted_for_an_encrypted_room(together: Together, server: SynapseServer) -> None:
    """A room that is encrypted in a way nobody knows gets nothing at all; one that becomes encrypted is so at once."""
    pair = await together()
    call = await pair.say("one")
    endpoint = f"/v3/rooms/{quote(pair.room)}/state/m.room.encryption/"
    server.ask(pair.ann.account, "PUT", endpoint, {"algorithm": MEGOLM})
    await until(lambda: pair.bot._connection.engine.rooms[pair.room].encrypted)
    await pair.bot.send(call.place, Post("secret"), key="s/answer")
    page = server.ask(pair.ann.account, "GET", f"/v3/rooms/{quote(pair.room)}/messages?dir=b&limit=3")
    assert "m.room.encrypted" in [each["type"] for each in page["chunk"] if each["sender"] == pair.me]
    assert "secret" not in str(page)
    strange = await pair.ann.room(pair.me, encrypted=False)
    await joined(pair.bot, strange)
    endpoint = f"/v3/rooms/{quote(strange)}/state/m.room.encryption/"
    server.ask(pair.ann.account, "PUT", endpoint, {"algorithm": "org.example.rot13"})
    await until(lambda: pair.bot._connection.engine.rooms[strange].encrypted)
    with pytest.raises(SendRefused, match="encrypted in a way"):
        await pair.bot.send(Place("matrix", strange, private=True), Post("secret"), key="r/answer")


async def test_what_cannot_be_read_is_explained_once_and_read_when_its_key_comes(
    together: Together, server: SynapseServer
) -> None:
    """A message whose key comes late is answered then; messages without keys are explained once in a room."""
    pair = await together(encrypted=True)
    ann, room = pair.ann, pair.room
    await pair.say("hello")
    machine = ann.client.olm
    machine.create_outbound_group_session(room)
    session = machine.outbound_group_sessions[room]
    key, session.shared = session.session_key, True
    await ann.say(room, "late")
    device = next(iter(ann.client.device_store.active_user_devices(pair.me)))
    secret = {"algorithm": MEGOLM, "room_id": room, "session_id": session.id, "session_key": key}
    sealed = machine._olm_encrypt(machine.session_store.get(device.curve25519), device, "m.room_key", secret)
    endpoint = f"/v3/sendToDevice/m.room.encrypted/{uuid.uuid4().hex}"
    server.ask(ann.account, "PUT", endpoint, {"messages": {pair.me: {device.id: sealed}}})
    late = await pair.call()
    assert isinstance(late, Call)
    assert late.text == "late"
    for number in range(2):
        lost = {
            "algorithm": MEGOLM, "sender_key": device.curve25519, "device_id": "GONE", "ciphertext": "AwgAEn",
            "session_id": f"lost{number}",
        }  # fmt: skip
        server.ask(ann.account, "PUT", f"/v3/rooms/{quote(room)}/send/m.room.encrypted/lost{number}", lost)
    await ann.heard(room, pair.me)
    await asyncio.sleep(1.0)
    assert [each["content"]["body"] for each in ann.standing(room, pair.me)] == [EXPLANATION]
