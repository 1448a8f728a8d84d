"""Filters over prompts, for moderators; how they work is in `rules.prompts`."""

from __future__ import annotations

import re
import time
from typing import Any

from aiohttp import web

from core.contract.keys import Done
from core.contract.operations import (
    FilterDetails,
    FilterRegex,
    FilterUpdate,
    NewFilter,
    PromptSuspicion,
    PromptToTest,
)
from core.coordinator.api.call import Call
from core.coordinator.rules import protection
from core.coordinator.rules.prompts import Filter, compiled
from core.coordinator.rules.protection import moderates, no_filter
from core.coordinator.store import protection as store
from core.db import Reading, Writing
from core.errors import InvalidRequest

_TYPES = (10, 11, 20)
_COLUMNS = {"filter_type": "kind"}


async def listed(call: Call) -> web.Response:
    """GET filters: those that moderators added, of one type or with one word in them."""
    moderates(await call.user())
    kind, word = _kind(call), call.query("contains")
    found = await call.rooms.database.read(protection.filters)
    return call.reply([_details(one) for one in found if kind in (None, one.kind) and word in one.regex])


async def add(call: Call) -> web.Response:
    """PUT filters: one more, in force here at once and elsewhere within ten seconds."""
    call.key()
    body = await call.body(NewFilter)
    user = moderates(await call.user())
    _check(body.regex)
    values = {**_values(body.model_dump()), "user_id": user.id, "created": time.time()}
    number = await call.rooms.database.write(lambda tx: store.add_filter(tx, values))
    call.rooms.shield.changed()
    made = Filter(body.regex, body.filter_type, body.replacement, body.description, number, user.unique_name)
    return call.reply(_details(made), status=201)


async def test(call: Call) -> web.Response:
    """POST filters: what all filters, or those of one type, find in a prompt."""
    call.key()
    body = await call.body(PromptToTest)
    moderates(await call.user())
    judged = (await call.rooms.shield.known()).lists.judge(body.prompt, kind=body.filter_type)
    return call.reply(PromptSuspicion(suspicion=str(len(judged.groups)), matches=list(judged.matches)))


async def regexes(call: Call) -> web.Response:
    """GET filters/regex: the patterns of each type in one, those of the file among them."""
    moderates(await call.user())
    wanted = _kind(call)
    known = (await call.rooms.shield.known()).lists
    found = [
        FilterRegex(filter_type=kind, regex="|".join(one.regex for one in known.filters if one.kind == kind))
        for kind in sorted({*_TYPES, *(one.kind for one in known.filters)})
        if wanted in (None, kind)
    ]
    return call.reply(found)


async def one(call: Call) -> web.Response:
    """GET filters/{id}."""
    moderates(await call.user())
    number = _number(call.part("id"))
    return call.reply(_details(await call.rooms.database.read(lambda tx: _find(tx, number))))


async def change(call: Call) -> web.Response:
    """PATCH filters/{id}: what is set is changed."""
    call.key()
    body = await call.body(FilterUpdate)
    moderates(await call.user())
    values = _values(body.model_dump(exclude_none=True))
    if not values:
        raise InvalidRequest("Name something to change.", code="NoFilterModSelected")
    if body.regex is not None:
        _check(body.regex)
    number = _number(call.part("id"))

    def work(tx: Writing) -> Filter:
        _find(tx, number)
        store.change_filter(tx, number, values)
        return _find(tx, number)

    changed = await call.rooms.database.write(work)
    call.rooms.shield.changed()
    return call.reply(_details(changed))


async def remove(call: Call) -> web.Response:
    """DELETE filters/{id}."""
    moderates(await call.user())
    number = _number(call.part("id"))
    if not await call.rooms.database.write(lambda tx: store.remove_filter(tx, number)):
        raise no_filter()
    call.rooms.shield.changed()
    return call.reply(Done())


def _find(tx: Reading, number: int) -> Filter:
    found = next((one for one in protection.filters(tx) if one.id == number), None)
    if found is None:
        raise no_filter()
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise no_filter()
    return int(text)


def _kind(call: Call) -> int | None:
    return call.number("filter_type", 0, low=10, high=29) if call.query("filter_type") else None


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    return {_COLUMNS.get(name, name): value for name, value in fields.items()}


def _check(regex: str) -> None:
    try:
        compiled(regex)
    except re.error as error:
        raise InvalidRequest(f"This is no regular expression: {error}.", code="BadRequest") from None


def _details(found: Filter) -> FilterDetails:
    return FilterDetails(
        id=str(found.id),
        regex=found.regex,
        filter_type=found.kind,
        description=found.description or None,
        replacement=found.replacement,
        user=found.user,
    )
