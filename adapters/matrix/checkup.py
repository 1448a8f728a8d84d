"""What the doctor says of Matrix: is there a session, does the homeserver take it, do apps trust the device.

Looks only; the bot may be running meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp

from adapters.matrix import identity, session
from adapters.matrix.homeserver import MEDIA, Homeserver, path
from core.chat.port import SendFailed, SendRefused
from core.errors import ConfigError
from core.findings import Finding, Health

ABOUT = "matrix"
_LOG_IN = "run `run_bot.py matrix login`."


async def examine(folder: Path, *, user: str, owners: Sequence[str], **_settings: object) -> AsyncIterator[Finding]:
    """All findings, as they come.

    Args:
        folder: where the adapter keeps everything.
        user: the account in the settings.
        owners: who may verify the device.
    """
    try:
        me, known = session.load(folder), identity.load(folder)
    except ConfigError as error:
        yield Finding(Health.BAD, ABOUT, str(error))
        return
    if me is None or (user and me.user_id != user):
        yield Finding(Health.BAD, ABOUT, f"there is no device of {user or 'the account'} here: {_LOG_IN}")
        return
    async with aiohttp.ClientSession() as http:
        async for finding in _online(Homeserver(me.homeserver, http, token=me.access_token), me, known):
            yield finding
    if not owners:
        yield Finding(Health.NOTE, ABOUT, "matrix.owners is empty: nobody can verify the bot by emoji.")


async def _online(server: Homeserver, me: session.Session, known: identity.Identity | None) -> AsyncIterator[Finding]:
    about = f"{ABOUT} {me.user_id}"
    try:
        await server.ask("GET", path("account", "whoami"), patience=10)
        config = await server.ask("GET", path("config", base=MEDIA), patience=10)
        standing = await identity.look(server, me.user_id, me.device_id, me.device_key)
    except (SendFailed, SendRefused) as error:
        yield Finding(Health.BAD, about, f"{error} If it stays so, {_LOG_IN}")
        return
    most = config.get("m.upload.size")
    size = f", pictures up to {most / 1e6:.0f} MB" if isinstance(most, int) else ""
    yield Finding(Health.GOOD, about, f"is logged in at {server.url} as device {me.device_id}{size}.")
    if not standing.device:
        yield Finding(Health.NOTE, about, "has not published its device's keys yet: it does at its first start.")
    elif not standing.device_is_ours:
        words = "the homeserver knows other keys for this device than we have; apps will never trust it."
        yield Finding(Health.BAD, about, f"{words} Move the folder away, then {_LOG_IN}")
    elif not standing.trusted:
        way = "set matrix.recovery_key and start the bot" if standing.public and not known else "start the bot"
        yield Finding(Health.BAD, about, f"its device is not signed, so that apps neither show nor hear it: {way}.")
    else:
        yield Finding(Health.GOOD, about, "its device is signed: encrypted rooms work with strict apps, too.")
    if known is None:
        words = "the identity's private keys are not here; the device lives on its signature."
        yield Finding(Health.NOTE, about, words)
