"""Networks from which nothing is taken for a while, for moderators; rules in `rules.protection`."""

from __future__ import annotations

import ipaddress
import time

from aiohttp import web

from core import log
from core.contract.keys import Done
from core.contract.operations import IpTimeout, NewTimeout, TimeoutToEnd, WorkerTimeout
from core.coordinator.api.call import Call
from core.coordinator.rates import neighbourhood
from core.coordinator.rules import workers
from core.coordinator.rules.protection import moderates, parse_network
from core.coordinator.store import protection as store
from core.errors import NotFound

_log = log.get(__name__)


async def timeouts(call: Call) -> web.Response:
    """GET operations/ipaddr: every block in force."""
    moderates(await call.user())
    return call.reply(await _in_force(call))


async def timeouts_of(call: Call) -> web.Response:
    """GET operations/ipaddr/{ipaddr}: the blocks that an address is in."""
    moderates(await call.user())
    wanted = ipaddress.ip_network(parse_network(call.part("ipaddr")))
    found = [one for one in await _in_force(call) if _overlap(wanted, ipaddress.ip_network(one.ipaddr))]
    return call.reply(found)


async def block(call: Call) -> web.Response:
    """POST operations/ipaddr: take nothing from an address or a network for some hours."""
    call.key()
    body = await call.body(NewTimeout)
    user, network = moderates(await call.user()), parse_network(body.ipaddr)
    return await _block(call, network, seconds=body.hours * 3600.0, by=user.id)


async def unblock(call: Call) -> web.Response:
    """DELETE operations/ipaddr: end the block of exactly this address or network."""
    call.key()
    body = await call.body(TimeoutToEnd)
    user, network = moderates(await call.user()), parse_network(body.ipaddr)
    return await _unblock(call, network, by=user.id)


async def block_worker(call: Call) -> web.Response:
    """PUT operations/block_worker_ipaddr/{id}: the address from which a worker came last."""
    call.key()
    body = await call.body(WorkerTimeout)
    user = moderates(await call.user())
    return await _block(call, await _network_of(call), seconds=body.days * 86400.0, by=user.id)


async def unblock_worker(call: Call) -> web.Response:
    """DELETE operations/block_worker_ipaddr/{id}: end the block of that address."""
    user = moderates(await call.user())
    return await _unblock(call, await _network_of(call), by=user.id)


async def _network_of(call: Call) -> str:
    wanted = call.part("id")
    worker = await call.rooms.database.read(lambda tx: workers.get(tx, wanted))
    if worker is None or not worker.row.ip:
        raise NotFound("There is no such worker, or it was never seen.", code="WorkerNotFound")
    return parse_network(neighbourhood(worker.row.ip))


async def _in_force(call: Call) -> list[IpTimeout]:
    now = time.time()
    found = await call.rooms.database.read(lambda tx: store.blocks(tx, now))
    return [IpTimeout(ipaddr=network, seconds=max(1, round(until - now))) for network, until in found]


async def _block(call: Call, network: str, *, seconds: float, by: int) -> web.Response:
    now = time.time()
    await call.rooms.database.write(lambda tx: store.block(tx, network, until=now + seconds, user_id=by, now=now))
    call.rooms.shield.changed()
    _log.info("network_blocked", network=network, seconds=seconds, by=by)
    return call.reply(Done())


async def _unblock(call: Call, network: str, *, by: int) -> web.Response:
    await call.rooms.database.write(lambda tx: store.unblock(tx, network))
    call.rooms.shield.changed()
    _log.info("network_unblocked", network=network, by=by)
    return call.reply(Done())


def _overlap(
    one: ipaddress.IPv4Network | ipaddress.IPv6Network, other: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return one.version == other.version and one.overlaps(other)
