"""The gateway: hello, identify, ready, events in one compressed stream, heartbeats, resume with everything missed."""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.doubles.discord.schema import Schema
from tests.doubles.discord.world import APPLICATION, GUILD, Json, World

REMEMBERED = 1000


@dataclass
class Session:
    """One identified connection; its events are kept, so that it can be resumed."""

    id: str
    shard: tuple[int, int]
    events: list[Json] = field(default_factory=list[Json])
    socket: web.WebSocketResponse | None = None
    pack: Callable[[bytes], bytes] = bytes


class Gateway:
    """All sessions."""

    def __init__(self, world: World, schema: Schema, token: str) -> None:
        self._world, self._schema, self._token = world, schema, token
        self.sessions: dict[str, Session] = {}
        self.refuse_with: int | None = None
        """Close code for whoever identifies from now on."""
        self.replay = 0
        """So many events that were received already are sent again when a session is resumed."""
        self.identified = asyncio.Event()
        self.resumes = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection."""
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        packer = zlib.compressobj()

        def pack(data: bytes) -> bytes:
            return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)

        await socket.send_bytes(pack(b'{"op":10,"s":null,"t":null,"d":{"heartbeat_interval":41250,"_trace":[]}}'))
        session: Session | None = None
        async for frame in socket:
            if frame.type != WSMsgType.TEXT:
                continue
            asked = json.loads(frame.data)
            match asked["op"]:
                case 1:
                    await socket.send_bytes(pack(b'{"op":11,"s":null,"t":null,"d":null}'))
                case 2:
                    session = await self._identify(asked["d"], socket, pack)
                case 6:
                    session = await self._resume(asked["d"], socket, pack)
                case _:
                    pass
        if session and session.socket is socket:
            session.socket = None
        return socket

    async def _identify(self, asked: Json, socket: web.WebSocketResponse, pack: Any) -> Session | None:
        if self.refuse_with or asked["token"] != self._token:
            await socket.close(code=self.refuse_with or 4004)
            return None
        shard = tuple(asked.get("shard") or (0, 1))
        session = Session(secrets.token_hex(16), (shard[0], shard[1]), socket=socket, pack=pack)
        self.sessions[session.id] = session
        ready = {
            "v": 10, "user": {**self._world.bot, "verified": True, "mfa_enabled": True, "email": None},
            "guilds": [{"id": GUILD, "unavailable": True}] if self._mine(session, GUILD) else [],
            "session_id": session.id, "session_type": "normal", "resume_gateway_url": "wss://gateway-resume.discord.gg",
            "shard": list(session.shard), "application": {"id": APPLICATION, "flags": 0}, "private_channels": [],
            "relationships": [], "presences": [], "guild_join_requests": [], "geo_ordered_rtc_regions": [], "auth": {},
            "user_settings": {}, "game_relationships": [], "_trace": [],
        }  # fmt: skip
        await self._tell(session, "READY", ready)
        if self._mine(session, GUILD):
            await self._tell(session, "GUILD_CREATE", self._world.guild())
        self.identified.set()
        return session

    async def _resume(self, asked: Json, socket: web.WebSocketResponse, pack: Any) -> Session | None:
        session = self.sessions.get(asked["session_id"])
        if session is None:
            await socket.send_bytes(pack(b'{"op":9,"s":null,"t":null,"d":false}'))
            return None
        self.resumes += 1
        session.socket, session.pack = socket, pack
        for event in [each for each in session.events if each["s"] > asked["seq"] - self.replay]:
            await socket.send_bytes(pack(json.dumps(event).encode()))
        await self._tell(session, "RESUMED", {"_trace": []})
        return session

    def _mine(self, session: Session, guild: str | None) -> bool:
        number, of = session.shard
        return number == ((int(guild) >> 22) % of if guild else 0)

    async def tell(self, name: str, data: Json, *, guild: str | None = GUILD) -> None:
        """An event for the session that the server belongs to; direct messages go to the first one."""
        self._schema.event(name, data)
        for session in list(self.sessions.values()):
            if self._mine(session, guild) and (session.socket or session is list(self.sessions.values())[-1]):
                await self._tell(session, name, data)

    async def _tell(self, session: Session, name: str, data: Json) -> None:
        event = {"op": 0, "t": name, "s": len(session.events) + 1, "d": data}
        session.events.append(event)
        if session.socket and not session.socket.closed:
            await session.socket.send_bytes(session.pack(json.dumps(event).encode()))

    async def drop(self, *, code: int = 1006) -> None:
        """All connections break; the sessions can be resumed."""
        for session in self.sessions.values():
            if session.socket and session.socket._req and session.socket._req.transport and code == 1006:
                session.socket._req.transport.abort()
            elif session.socket:
                await session.socket.close(code=code)
            session.socket = None

    async def reconnect(self) -> None:
        """Discord asks everybody to come again (op 7)."""
        for session in self.sessions.values():
            if session.socket:
                await session.socket.send_bytes(session.pack(b'{"op":7,"s":null,"t":null,"d":null}'))
