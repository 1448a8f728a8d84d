"""How a guest behaves: says that it is a bot and whose, and leaves alone whoever does not want it.

Used by `platform` when it connects and for the doctor, and by `ear` for everybody who speaks.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import cast

from mastodon import Mastodon

from adapters.mastodon import words
from adapters.mastodon.budget import Kind
from adapters.mastodon.server import Entity, Server
from core import log
from core.chat.port import SendFailed, SendRefused
from core.findings import Finding, Health

NO = {"nobot", "nobots", "noai", "noaiart", "nogenai", "nollm", "nollms"}
"""Tags in a profile that mean: leave me, and what is mine, alone."""
OPT_OUT = ("Leave me alone", "write #nobot in your profile, or block me")
_TAG = re.compile(r"#(\w+)")
_PAGE = 80

logger = log.get(__name__)


def asks_not(account: Entity) -> bool:
    """Whether somebody's profile says that bots, or picture models, shall leave them alone."""
    fields = cast("Sequence[Entity]", account.get("fields") or ())
    texts = [account.get("note"), *(each.get(part) for each in fields for part in ("name", "value"))]
    tags = {tag.lower() for text in texts for tag in _TAG.findall(words.plain(str(text or "")))}
    return not NO.isdisjoint(tags)


async def keep_profile(server: Server, wanted: Sequence[tuple[str, str]]) -> None:
    """Say on the profile that this is a bot, and whose; whatever else the operator wrote there stays.

    Args:
        server: the instance.
        wanted: name and value of the fields to keep; an empty value = not that one.
    """
    ours = [(name, value) for name, value in (*wanted, OPT_OUT) if value]
    source = cast("Entity", server.me.get("source") or {})
    there = [(str(each.get("name")), str(each.get("value"))) for each in source.get("fields") or ()]
    names = {name for name, _ in (*wanted, OPT_OUT)}
    fields = [*ours, *(each for each in there if each[0] not in names)][: server.instance.profile_fields]
    if server.me.get("bot") and set(fields) == set(there):
        return

    def work(api: Mastodon) -> object:
        return api.account_update_credentials(bot=True, fields=fields)

    try:
        server.me = await server.call(Kind.CALL, work)
    except SendRefused as error:
        logger.warning("profile_not_kept", reason=str(error), hint="mark the account as a bot by hand")


async def silenced(server: Server) -> frozenset[str]:
    """Ids of the accounts that the bot's account has muted or blocked."""
    return frozenset([*await _ids(server, _muted), *await _ids(server, _blocked)])


async def _ids(server: Server, work: Callable[[Mastodon], object]) -> list[str]:
    try:
        return [str(each["id"]) for each in await server.call(Kind.CALL, work)]
    except SendRefused:  # the instance has no such list
        return []


def _muted(api: Mastodon) -> object:
    return api.mutes(limit=_PAGE)


def _blocked(api: Mastodon) -> object:
    return api.blocks(limit=_PAGE)


async def examine(server: Server) -> AsyncGenerator[Finding]:
    """What the doctor says of an account: whether it is let in, who it is, what it may and what fits."""
    about = f"mastodon {server.address}"
    try:
        await server.connect()
        await server.call(Kind.CALL, lambda api: api.notifications(limit=1))
    except (SendFailed, SendRefused) as error:
        yield Finding(Health.BAD, about, f"{error} The token needs the rights read and write.")
        return
    there = server.instance
    yield Finding(
        Health.GOOD,
        about,
        f"lets {server.acct} in and takes {there.max_text} characters and {there.max_pictures} pictures of "
        f"{there.max_bytes / 1e6:.0f} MB, described in {there.max_alt} characters.",
    )
    if not server.me.get("bot"):
        yield Finding(Health.NOTE, about, "does not say yet that the account is a bot; the next start does.")
