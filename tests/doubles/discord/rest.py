"""The HTTP side: accounts, commands, interactions, messages, reactions; and what can go wrong, on demand."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.doubles.discord.schema import Schema
from tests.doubles.discord.world import (
    APPLICATION,
    EPHEMERAL,
    GUILD,
    SEND_MESSAGES,
    SPEAK,
    THINKING,
    Interaction,
    Json,
    World,
    now,
)

BODY: web.RequestKey[Any] = web.RequestKey("body", object)
FILES: web.RequestKey[dict[str, bytes]] = web.RequestKey("files", dict)
MOST_TEXT, MOST_FILE = 2000, 10 * 1024 * 1024
TOKEN_SECONDS, FIRST_SECONDS = 900, 3
_API = re.compile(r"/api/v\d+")
_NAME = re.compile(r"^[-_\w]{1,32}$")


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


class Rest:
    """Discord's API, as far as a bot asks it."""

    def __init__(self, world: World, schema: Schema, token: str) -> None:
        self._world, self._schema, self._token = world, schema, token
        self.calls: list[str] = []
        """Method and path of every call."""
        self.losing = 0
        """So many messages to come are taken, but the answer is a 502."""
        self.failing: list[Refused] = []
        """What the next calls that say something are answered with."""
        self.bytes_allowed = MOST_FILE
        self.may_send = True
        """Whether the bot may post in channels."""
        self.statuses = Counter[int]()
        self.said = asyncio.Event()

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._frame], client_max_size=200_000_000)
        api, routes = "/api/v{version:\\d+}", app.router.add_route
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("GET", "/users/@me", self._me),
            ("GET", "/oauth2/applications/@me", self._application),
            ("GET", "/gateway/bot", self._gateway),
            ("GET", "/users/@me/guilds", self._guilds),
            ("POST", "/users/@me/channels", self._direct),
            ("GET", "/guilds/{guild}", self._guild),
            ("GET", "/guilds/{guild}/members/{member}", self._member),
            ("GET", "/guilds/{guild}/channels", self._channels),
            ("PUT", "/applications/{app}/commands", self._put_commands),
            ("GET", "/applications/{app}/commands", self._get_commands),
            ("POST", "/interactions/{id}/{token}/callback", self._callback),
            ("POST", "/webhooks/{app}/{token}", self._follow_up),
            ("GET", "/webhooks/{app}/{token}/messages/{message}", self._own),
            ("PATCH", "/webhooks/{app}/{token}/messages/{message}", self._change_own),
            ("DELETE", "/webhooks/{app}/{token}/messages/{message}", self._delete_own),
            ("POST", "/channels/{channel}/messages", self._send),
            ("GET", "/channels/{channel}/messages/{message}", self._get),
            ("PATCH", "/channels/{channel}/messages/{message}", self._change),
            ("DELETE", "/channels/{channel}/messages/{message}", self._delete),
            ("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me", self._react),
        ]
        for method, path, handler in table:
            routes(method, api + path, handler)
        routes("GET", "/{path:.*}", self._file)
        return app

    @web.middleware
    async def _frame(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = _API.sub("", request.path)
        self.calls.append(f"{request.method} {path}")
        try:
            if request.path.startswith("/api"):
                self._judge(request, path)
            if request.method in {"POST", "PATCH", "PUT"}:
                request[BODY], request[FILES] = await _read(request)
                self._schema.request(request.method, path, request[BODY])
                self._expect_fitting(request)
            answer = await handler(request)
        except Refused as error:
            self.statuses[error.status] += 1
            body = {"code": error.code, "message": error.message, "retry_after": 0.05, "global": False}
            return _json(body, error.status, **error.headers)
        if isinstance(answer, web.StreamResponse):
            return answer
        status, body = answer
        self._schema.answer(request.method, path, status, body)
        if self.losing and request.method in {"POST", "PATCH"} and "/users/" not in path:
            self.losing -= 1
            return _json({"message": "lost", "code": 0}, 502)
        self.statuses[status] += 1
        return _json(body, status) if body is not None else web.Response(status=status)

    def _judge(self, request: web.Request, path: str) -> None:
        if not path.startswith(("/interactions", "/webhooks")):
            given = request.headers.get("Authorization")
            if given != f"Bot {self._token}":
                raise Refused(401, 0, "401: Unauthorized")
        if self.failing and request.method in {"POST", "PATCH"}:
            raise self.failing.pop(0)

    def _expect_fitting(self, request: web.Request) -> None:
        content = (request[BODY].get("data") or request[BODY]) if isinstance(request[BODY], dict) else {}
        if len(str(content.get("content") or "")) > MOST_TEXT:
            raise Refused(400, 50035, "Invalid Form Body: content: Must be 2000 or fewer in length.")
        if any(len(data) > self.bytes_allowed for data in request[FILES].values()):
            raise Refused(413, 40005, "Request entity too large")

    async def _me(self, _request: web.Request) -> Any:
        return 200, {
            **self._world.bot,
            "mfa_enabled": True,
            "locale": "en-US",
            "premium_type": 0,
            "email": None,
            "verified": True,
        }

    async def _application(self, _request: web.Request) -> Any:
        return 200, self._world.application()

    async def _gateway(self, _request: web.Request) -> Any:
        limits = {"total": 1000, "remaining": 999, "reset_after": 1000, "max_concurrency": 16}
        return 200, {"url": "wss://gateway.discord.gg", "shards": 1, "session_start_limit": limits}

    async def _guilds(self, _request: web.Request) -> Any:
        listed = {
            "id": GUILD, "name": "Town", "icon": None, "banner": None, "owner": False, "permissions": str(SPEAK),
            "features": [], "approximate_member_count": 3, "approximate_presence_count": 1,
        }  # fmt: skip
        return 200, [listed]

    async def _guild(self, _request: web.Request) -> Any:
        return 200, {name: each for name, each in self._world.guild().items() if name not in {"members", "channels"}}

    async def _member(self, request: web.Request) -> Any:
        return 200, self._world.member(request.match_info["member"])

    async def _channels(self, _request: web.Request) -> Any:
        return 200, [each for each in self._world.channels.values() if each["type"] == 0]

    async def _direct(self, request: web.Request) -> Any:
        person = self._world.people[str(request[BODY]["recipient_id"])]
        found = (each for each in self._world.channels.values() if each.get("recipients") == [person])
        return 200, next(found, None) or self._world.channel("", direct_with=person)

    async def _put_commands(self, request: web.Request) -> Any:
        wanted = request[BODY]
        kinds = Counter(each.get("type", 1) for each in wanted)
        if kinds[1] > 100 or kinds[2] > 15 or kinds[3] > 15:
            raise Refused(400, 30032, "Maximum number of application commands reached")
        for each in wanted:
            lower = each.get("type", 1) != 1 or (_NAME.match(each["name"]) and each["name"] == each["name"].lower())
            if not lower or (each.get("type", 1) == 1 and not each.get("description")):
                raise Refused(400, 50035, f"Invalid Form Body: {each['name']}")
        self._world.commands = [
            {
                "id": self._world.id(), "application_id": APPLICATION, "version": self._world.id(), "type": 1,
                "default_member_permissions": None, "description": "", "nsfw": False, "dm_permission": True,
                "name_localizations": None, "description_localizations": None,
            } | each | _as_text(each, "default_member_permissions")
            for each in wanted
        ]  # fmt: skip
        return 200, self._world.commands

    async def _get_commands(self, _request: web.Request) -> Any:
        return 200, self._world.commands

    async def _callback(self, request: web.Request) -> Any:
        interaction = self._world.interactions.get(request.match_info["token"])
        if interaction is None or self._world.time() - interaction.born > FIRST_SECONDS:
            raise Refused(404, 10062, "Unknown interaction")
        if interaction.answered:
            raise Refused(400, 40060, "Interaction has already been acknowledged.")
        interaction.answered, kind = True, request[BODY]["type"]
        interaction.answered_after = self._world.time() - interaction.born
        data = request[BODY].get("data") or {}
        match kind:
            case 4:
                said = self._put(interaction.channel, data, request[FILES], interaction=interaction)
            case 5:
                flags = THINKING | (data.get("flags", 0) & EPHEMERAL)
                said = self._put(interaction.channel, {"flags": flags}, {}, interaction=interaction)
            case 6:
                said = None
            case 8:
                interaction.choices, said = data["choices"], None
            case 9:
                interaction.modal, said = data, None
            case _:
                raise Refused(400, 50035, "Invalid Form Body: type")
        self.said.set()
        if request.query.get("with_response", "").lower() not in {"true", "1"}:
            return 204, None
        about = {"id": interaction.id, "type": interaction.kind}
        if said is None or kind != 4:
            return 200, {"interaction": about}
        interaction.message = said["id"]
        about |= {"response_message_id": said["id"], "response_message_ephemeral": bool(said["flags"] & EPHEMERAL),
                  "response_message_loading": bool(said["flags"] & THINKING)}  # fmt: skip
        return 200, {"interaction": about, "resource": {"type": kind, "message": said}}

    def _alive(self, request: web.Request) -> Interaction:
        interaction = self._world.interactions.get(request.match_info["token"])
        if interaction is None:
            raise Refused(404, 10015, "Unknown Webhook")
        if self._world.time() - interaction.born > TOKEN_SECONDS:
            raise Refused(401, 50027, "Invalid Webhook Token")
        if not interaction.answered:
            raise Refused(404, 10015, "Unknown Webhook")
        return interaction

    async def _follow_up(self, request: web.Request) -> Any:
        interaction = self._alive(request)
        interaction.follow_ups += 1
        if interaction.private_install and interaction.follow_ups > 5:
            raise Refused(400, 40094, "Maximum number of follow-up messages reached")
        waiting = self._world.messages.get(interaction.message or "")
        if waiting and waiting["flags"] & THINKING:
            kept = waiting["flags"] & EPHEMERAL
            self._fill(waiting, {**request[BODY], "flags": kept}, request[FILES])
            waiting["flags"] = kept
            return 200, waiting
        return 200, self._put(interaction.channel, request[BODY], request[FILES], webhook=True)

    def _which(self, request: web.Request) -> Json:
        interaction, name = self._alive(request), request.match_info["message"]
        number = interaction.message if name == "@original" else name
        said = self._world.messages.get(number or "")
        if said is None:
            raise Refused(404, 10008, "Unknown Message")
        return said

    async def _own(self, request: web.Request) -> Any:
        return 200, self._which(request)

    async def _change_own(self, request: web.Request) -> Any:
        said = self._which(request)
        said["flags"] &= ~THINKING
        self._fill(said, request[BODY], request[FILES])
        return 200, said

    async def _delete_own(self, request: web.Request) -> Any:
        said = self._which(request)
        del self._world.messages[said["id"]]
        return 204, None

    async def _send(self, request: web.Request) -> Any:
        channel, body = request.match_info["channel"], request[BODY]
        if channel not in self._world.channels:
            raise Refused(404, 10003, "Unknown Channel")
        if not self.may_send and self._world.channels[channel]["type"] == 0:
            raise Refused(403, 50013, "Missing Permissions")
        nonce = (channel, str(body.get("nonce")))
        known = self._world.messages.get(self._world.nonces.get(nonce, ""))
        if body.get("nonce") and body.get("enforce_nonce") and known:
            return 200, known
        said = self._put(channel, body, request[FILES])
        if body.get("nonce"):
            self._world.nonces[nonce] = said["id"]
        return 200, said

    def _found(self, request: web.Request) -> Json:
        said = self._world.messages.get(request.match_info["message"])
        if said is None or said["channel_id"] != request.match_info["channel"]:
            raise Refused(404, 10008, "Unknown Message")
        return said

    async def _get(self, request: web.Request) -> Any:
        return 200, self._found(request)

    async def _change(self, request: web.Request) -> Any:
        said = self._found(request)
        self._fill(said, request[BODY], request[FILES])
        return 200, said

    async def _delete(self, request: web.Request) -> Any:
        del self._world.messages[self._found(request)["id"]]
        return 204, None

    async def _react(self, request: web.Request) -> Any:
        self._world.reactions.append((self._found(request)["id"], request.match_info["emoji"]))
        return 204, None

    def _put(
        self,
        channel: str,
        body: Json,
        files: dict[str, bytes],
        *,
        interaction: Interaction | None = None,
        webhook: bool = False,
    ) -> Json:
        if not body.get("flags") and not any(
            body.get(each) for each in ("content", "embeds", "attachments", "components")
        ):
            raise Refused(400, 50006, "Cannot send an empty message")
        said = self._world.message(channel, self._world.bot)
        self._fill(said, body, files)
        said["flags"] = int(body.get("flags") or 0)
        if reference := body.get("message_reference"):
            said |= {
                "type": 19,
                "message_reference": {"type": 0, "message_id": str(reference["message_id"]), "channel_id": channel},
            }
        if interaction or webhook:
            said |= {"type": 20 if interaction else 0, "application_id": APPLICATION, "webhook_id": APPLICATION}
        if interaction:
            interaction.message = said["id"]
        self.said.set()
        return said

    def _fill(self, said: Json, body: Json, files: dict[str, bytes]) -> None:
        said["edited_timestamp"] = now()
        said["content"] = body.get("content", said["content"]) or ""
        if "embeds" in body:
            said["embeds"] = [{"type": "rich", **each} for each in body["embeds"] or []]
        if "components" in body:
            said["components"] = _with_ids(body["components"] or [])
        if "attachments" in body:
            said["attachments"] = [self._attach(said, each, files) for each in body["attachments"] or []]
        self.said.set()

    def _attach(self, said: Json, each: Json, files: dict[str, bytes]) -> Json:
        data = files.get(f"files[{each['id']}]", b"")
        path = f"attachments/{said['channel_id']}/{said['id']}/{each['filename']}"
        self._world.files[path] = data
        url = f"https://cdn.discordapp.com/{path}"
        shown = {name: each[name] for name in ("filename", "description") if each.get(name)}
        return {"id": self._world.id(), "size": len(data), "url": url, "proxy_url": url, "content_type": "image/webp",
                "width": 8, "height": 8, "flags": 0, **shown}  # fmt: skip

    async def _file(self, request: web.Request) -> web.Response:
        data = self._world.files.get(request.match_info["path"])
        return web.Response(body=data, content_type="image/webp") if data else web.Response(status=404)


def _as_text(values: Json, name: str) -> Json:
    return {name: str(values[name])} if values.get(name) else {}


def _with_ids(components: list[Json]) -> list[Json]:
    count = iter(range(1, 100))
    return [
        {
            "type": row["type"],
            "id": next(count),
            "components": [_stored(each, next(count)) for each in row["components"]],
        }
        for row in components
    ]


def _stored(button: Json, number: int) -> Json:
    emoji = {name: each for name, each in (button.get("emoji") or {}).items() if each is not None}
    return {**button, "id": number, **({"emoji": emoji} if emoji else {})}


async def _read(request: web.Request) -> tuple[Any, dict[str, bytes]]:
    if not request.content_type.startswith("multipart/"):
        text = await request.text()
        return (json.loads(text) if text else None), {}
    body, files = {}, dict[str, bytes]()
    async for part in await request.multipart():
        data = await part.read()
        if part.name == "payload_json":
            body = json.loads(data)
        else:
            files[part.name or ""] = bytes(data)
    return body, files


def _json(body: object, status: int, **headers: str) -> web.Response:
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={"Content-Type": "application/json", **headers}
    )


def token(number: str) -> str:
    """A token as Discord's look."""
    return base64.urlsafe_b64encode(f"interaction:{number}".encode()).decode()


MAY_SEND = str(SPEAK | SEND_MESSAGES)
