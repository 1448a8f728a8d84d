"""One program of all of it: `async with Discord() as discord:`; people act by its methods, the bot over its network.

`discord.connector` is what an adapter must use: it leads every host name of Discord here and refuses all others.
"""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Any, Self

import aiohttp
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.doubles.discord.gateway import Gateway
from tests.doubles.discord.rest import MAY_SEND, Rest, token
from tests.doubles.discord.schema import Schema
from tests.doubles.discord.world import APPLICATION, GUILD, Interaction, Json, World

HOSTS = {"discord.com", "cdn.discordapp.com", "media.discordapp.net"}
SOCKETS = {"gateway.discord.gg", "gateway-resume.discord.gg"}
TOKEN = "OTAwMDAwMDAwMDAwMDAwMDAx.Abcdef.this-token-opens-nothing"


class _Here(AbstractResolver):
    """Leads Discord's names to this machine."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        del port
        if host not in HOSTS | SOCKETS:
            raise OSError(f"{host} is not Discord")
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self._port, family=family or 2, proto=0, flags=0)]

    async def close(self) -> None:
        return


class Discord:
    """The whole double."""

    def __init__(self) -> None:
        self.schema = Schema()
        self.world = World()
        self.rest = Rest(self.world, self.schema, TOKEN)
        self.gateway = Gateway(self.world, self.schema, TOKEN)
        self.gateway_open = True
        self._authority = trustme.CA()
        self._runner: web.AppRunner
        self.port = 0

    async def __aenter__(self) -> Self:
        app = self.rest.app()

        @web.middleware
        async def by_host(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.host.partition(":")[0] in SOCKETS:
                return await self.gateway.serve(request) if self.gateway_open else web.Response(status=503)
            return await handler(request)

        app.middlewares.insert(0, by_host)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*HOSTS, *SOCKETS).configure_cert(context)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def connector(self) -> aiohttp.TCPConnector:
        """The network of the bot."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return aiohttp.TCPConnector(resolver=_Here(self.port), ssl=context, limit=0)

    async def until(self, true: Any, *, seconds: float = 30.0) -> Any:
        """Wait until something holds here; what it gave."""
        async with asyncio.timeout(seconds):
            while not (found := true()):
                self.rest.said.clear()
                waiting = asyncio.create_task(self.rest.said.wait())
                await asyncio.wait({waiting}, timeout=0.05)
                waiting.cancel()
        return found

    async def write(
        self, text: str, *, person: Json | None = None, channel: Json | None = None, reply_to: Json | None = None,
        files: dict[str, bytes] | None = None,
    ) -> Json:  # fmt: skip
        """Somebody writes something; the bot is told with what it may read."""
        world, where = self.world, channel or self.world.general
        author = person or world.ann
        direct = where["type"] == 1
        mentioned = f"<@{APPLICATION}>" in text or (reply_to is not None and reply_to["author"]["id"] == APPLICATION)
        said = world.message(where["id"], author, text)
        said["attachments"] = [self._file(said, name, data) for name, data in (files or {}).items()]
        if mentioned:
            said["mentions"] = [world.bot]
        if reply_to:
            pointer = {"type": 0, "message_id": reply_to["id"], "channel_id": where["id"]}
            said |= {"type": 19, "referenced_message": reply_to, "message_reference": pointer}
        told = dict(said)
        if not direct:
            told |= {"guild_id": GUILD, "member": {k: v for k, v in world.member(author["id"]).items() if k != "user"}}
            if not mentioned:
                told |= {"content": "", "attachments": []}
        told["mentions"] = [{**each} for each in said["mentions"]]
        await self.gateway.tell("MESSAGE_CREATE", told, guild=None if direct else GUILD)
        return said

    def _file(self, said: Json, name: str, data: bytes) -> Json:
        path = f"attachments/{said['channel_id']}/{said['id']}/{name}"
        self.world.files[path] = data
        url = f"https://cdn.discordapp.com/{path}"
        return {"id": self.world.id(), "filename": name, "size": len(data), "url": url, "proxy_url": url,
                "content_type": "image/webp", "width": 8, "height": 8, "flags": 0}  # fmt: skip

    async def slash(
        self, name: str, *, person: Json | None = None, channel: Json | None = None, private_install: bool = False,
        typing: str | None = None, **options: Any,
    ) -> Interaction:  # fmt: skip
        """Somebody uses a slash command; with `typing`, is still writing that option."""
        known = next(each for each in self.world.commands if each["name"] == name and each["type"] == 1)
        by_name = {each["name"]: each for each in known.get("options", ())}
        data: Json = {"id": known["id"], "name": name, "type": 1, "options": [], "resolved": {}}
        for key, value in options.items():
            option = by_name[key.replace("_", "-")]
            chosen: Json = {"name": option["name"], "type": option["type"], "value": value}
            if isinstance(value, bytes):
                number = self.world.id()
                path = f"ephemeral-attachments/{number}/picture.webp"
                self.world.files[path] = value
                url = f"https://cdn.discordapp.com/{path}"
                data["resolved"]["attachments"] = {number: {
                    "id": number, "filename": "picture.webp", "size": len(value), "url": url, "proxy_url": url,
                    "content_type": "image/webp", "width": 8, "height": 8, "ephemeral": True, "flags": 0}}  # fmt: skip
                chosen["value"] = number
            if key == typing:
                chosen["focused"] = True
            data["options"].append(chosen)
        return await self._interact(2 if typing is None else 4, data, person, channel, private_install=private_install)

    async def menu(self, label: str, *, message: Json | None = None, about: Json | None = None,
                   person: Json | None = None) -> Interaction:  # fmt: skip
        """Somebody opens the menu of a message or a person."""
        known = next(each for each in self.world.commands if each["name"] == label)
        target = (message or about or {})["id"]
        resolved = {"messages": {target: message}} if message else {"users": {target: about}}
        if about:
            resolved["members"] = {
                target: {k: v for k, v in self.world.members[target].items() if k not in {"user", "deaf", "mute"}}
            }
        data = {"id": known["id"], "name": label, "type": known["type"], "target_id": target, "resolved": resolved}
        return await self._interact(2, data, person, None)

    async def press(self, message: Json, label: str, *, person: Json | None = None) -> Interaction:
        """Somebody presses a button."""
        buttons = [each for row in message["components"] for each in row["components"]]
        button = next(each for each in buttons if each.get("label") == label)
        data = {"custom_id": button["custom_id"], "component_type": 2, "id": button["id"]}
        return await self._interact(3, data, person, self.world.channels[message["channel_id"]], source=message)

    async def fill(self, asked: Interaction, **values: str) -> Interaction:
        """Somebody fills in the form that an interaction was answered with; other fields stay as they were."""
        assert asked.modal is not None
        components = []
        for row in asked.modal["components"]:
            inner = row["component"]
            value = values.get(inner["custom_id"], inner.get("value") or "")
            components.append({"type": 18, "id": row.get("id", 1), "component": {
                "type": inner["type"], "id": inner.get("id", 2), "custom_id": inner["custom_id"],
                **({"values": [value]} if inner["type"] == 3 else {"value": value})}})  # fmt: skip
        data = {"custom_id": asked.modal["custom_id"], "components": components}
        return await self._interact(5, data, asked.person, self.world.channels[asked.channel], source=asked.source)

    async def _interact(self, kind: int, data: Json, person: Json | None, channel: Json | None, *,
                        source: Json | None = None, private_install: bool = False) -> Interaction:  # fmt: skip
        world, who, where = self.world, person or self.world.ann, channel or self.world.general
        number = world.id()
        made = Interaction(
            number, token(number), kind, where["id"], who, world.time(), source, private_install=private_install
        )
        world.interactions[made.token] = made
        direct = where["type"] == 1
        event: Json = {
            "id": number, "application_id": APPLICATION, "type": kind, "data": data, "token": made.token, "version": 1,
            "channel_id": where["id"], "channel": where, "locale": "en-US", "entitlements": [],
            "app_permissions": MAY_SEND,
            "attachment_size_limit": 10_485_760, "context": 1 if direct else 0, "authorizing_integration_owners":
            {"1": who["id"]} if private_install else {"0": "0" if direct else GUILD},
        }  # fmt: skip
        if source:
            event["message"] = source
        if direct:
            event["user"] = who
        else:
            event |= {"guild_id": GUILD, "guild_locale": "en-US", "member": world.members[who["id"]],
                      "guild": {"id": GUILD, "locale": "en-US", "features": []}}  # fmt: skip
        await self.gateway.tell("INTERACTION_CREATE", event, guild=None if direct else GUILD)
        return made

    async def react(self, message: Json, emoji: str, *, added: bool = True, person: Json | None = None,
                    burst: bool = False, number: str | None = None) -> None:  # fmt: skip
        """Somebody puts an emoji (with `number`, one of the server's own) or takes it away."""
        who = person or self.world.ann
        shown = {"id": number, "name": emoji, **({"animated": False} if number else {})}
        event: Json = {
            "user_id": who["id"], "channel_id": message["channel_id"], "message_id": message["id"], "guild_id": GUILD,
            "emoji": shown, "burst": burst, "type": int(burst),
        }  # fmt: skip
        if added:
            event |= {"member": self.world.member(who["id"]), "message_author_id": message["author"]["id"]}
            if burst:
                event["burst_colors"] = []
        await self.gateway.tell(f"MESSAGE_REACTION_{'ADD' if added else 'REMOVE'}", event)

    async def clear(self, message: Json, emoji: str | None = None) -> None:
        """A moderator takes all emoji away, or all of one kind."""
        event: Json = {"channel_id": message["channel_id"], "message_id": message["id"], "guild_id": GUILD}
        if emoji is None:
            await self.gateway.tell("MESSAGE_REACTION_REMOVE_ALL", event)
        else:
            event["emoji"] = {"id": None, "name": emoji}
            await self.gateway.tell("MESSAGE_REACTION_REMOVE_EMOJI", event)

    async def remove(self, message: Json) -> None:
        """Somebody deletes their message."""
        self.world.messages.pop(message["id"], None)
        event = {"id": message["id"], "channel_id": message["channel_id"], "guild_id": GUILD}
        await self.gateway.tell("MESSAGE_DELETE", event)
