"""Reads JSON bodies: what is no JSON, too deep, too large a number or holds a NUL is a 400 before any rule sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import from_json

from core.contract.base import Ask
from core.contract.limits import Bounds
from core.contract.problems import validation_body
from core.coordinator.middleware import InvalidPayload
from core.errors import InvalidRequest

B = TypeVar("B", bound=Ask)

MAX_DEPTH = 32
_MAX_INTEGER = 2**63 - 1


async def read_body(request: web.Request, model: type[B], bounds: Bounds, *, seconds: float) -> B:
    """The body of a call as `model`.

    Args:
        request: the call.
        model: what it is read as.
        bounds: the limits of this coordinator.
        seconds: how long the body may take to arrive.

    Raises:
        HTTPRequestTimeout: it took longer.
        InvalidPayload: it is no JSON object, or a field is not what it may be.
        InvalidRequest: a text holds a NUL character (code NulByteInPayload).
    """
    async with in_time(seconds):
        raw = await request.read()
    document = decode(raw)
    try:
        return model.read(document, bounds)
    except ValidationError as error:
        raise InvalidPayload(validation_body(error).errors) from None


@asynccontextmanager
async def in_time(seconds: float) -> AsyncGenerator[None]:
    """A call whose sender dawdles is given up (408), so that slow senders hold nothing for long."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object in raw, made of nothing that a database or a model could stumble over."""
    try:
        document: Any = from_json(raw, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise InvalidPayload({"body": f"This is not JSON: {error}."}) from None
    if not isinstance(document, dict):
        raise InvalidPayload({"body": "A JSON object is needed here."})
    found = cast("dict[str, Any]", document)
    _inspect(found, "", 0)
    return found


def _inspect(value: object, path: str, depth: int) -> None:
    if isinstance(value, str):
        refuse_nul(value)
    elif isinstance(value, int):
        if abs(value) > _MAX_INTEGER:
            raise InvalidPayload({path or "body": "This number is too large."})
    elif isinstance(value, dict | list):
        if depth >= MAX_DEPTH:
            raise InvalidPayload({path.partition(".")[0] or "body": f"This is nested more than {MAX_DEPTH} deep."})
        _inspect_inside(cast("dict[str, Any] | list[Any]", value), path, depth + 1)


def _inspect_inside(value: dict[str, Any] | list[Any], path: str, depth: int) -> None:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        if isinstance(key, str):
            refuse_nul(key)
        _inspect(inner, f"{path}.{key}" if path else str(key), depth)


def refuse_nul(text: str) -> str:
    """The text itself; raises InvalidRequest (NulByteInPayload) where a NUL character is in it."""
    if "\0" in text:
        raise InvalidRequest("The request holds a NUL character, which no text may contain.", code="NulByteInPayload")
    return text
