"""Who this server is and whether it can work: serviceinfo for strangers, health and ready for its keepers."""

from __future__ import annotations

from aiohttp import web

from core.contract.paths import OURS
from core.coordinator.api.call import Call
from core.coordinator.rooms import VERSION
from core.coordinator.rules import accounts
from core.errors import HordeUnavailable

HEALTH = f"{OURS}/health"
READY = f"{OURS}/ready"


async def service_info(call: Call) -> web.Response:
    """GET .well-known/serviceinfo: which software serves which API."""
    software = {"name": call.rooms.terms.name, "version": VERSION, "homepage": call.origin}
    api = {
        "name": "AI Horde API",
        "version": 2.5,
        "base_url": f"{call.origin}/api/v2",
        "rel_url": "/api/v2",
        "documentation": f"{call.origin}/api/",
    }
    return call.reply_raw({"version": "0.2", "software": software, "api": {"aihorde": api}})


async def health(call: Call) -> web.Response:
    """GET health: the process answers; nothing else is looked at."""
    return call.reply_raw({"status": "ok", "version": VERSION})


async def ready(call: Call) -> web.Response:
    """GET ready: it may be sent work; 503 while it stops or when the database does not answer."""
    if call.rooms.live.closing:
        raise HordeUnavailable("The coordinator is stopping.", retry_after=5)
    await call.rooms.database.read(accounts.anonymous)
    return call.reply_raw({"status": "ready", "version": VERSION})
