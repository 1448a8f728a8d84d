"""The `X-Fields` header: a client names the keys it wants and gets only these, `id,ids` or `{generations{img}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from core.errors import InvalidRequest

Mask: TypeAlias = dict[str, "Mask | None"]
"""Wanted keys; the value is the mask of what is inside, None = all of it. `*` wants every key."""

_TOKEN = re.compile(r"\s*([{},]|[\w*-]+)\s*")
_MAX_LENGTH = 2000
_MAX_DEPTH = 8


def parse(text: str) -> Mask:
    """The mask that the header says; raises InvalidRequest where it cannot be read."""
    tokens = _tokens(text)
    if tokens[:1] == ["{"]:
        tokens.pop(0)
        mask = _read(tokens, closing=True, depth=0)
    else:
        mask = _read(tokens, closing=False, depth=0)
    if tokens:
        raise _unreadable()
    return mask


def apply(mask: Mask, data: object) -> Any:  # noqa: ANN401  # JSON in, JSON out
    """Only the wanted keys of an object, or of every object in a list; wanted keys that are missing become null."""
    if isinstance(data, list):
        return [apply(mask, item) for item in cast("list[object]", data)]
    if not isinstance(data, Mapping):
        return data
    given = cast("Mapping[str, object]", data)
    wanted: Mask = {**dict.fromkeys(given), **mask} if "*" in mask else mask
    return {
        key: given.get(key) if inner is None else apply(inner, given.get(key))
        for key, inner in wanted.items()
        if key != "*"
    }


def _tokens(text: str) -> list[str]:
    if len(text) > _MAX_LENGTH:
        raise _unreadable()
    found = _TOKEN.findall(text)
    if "".join(found) != "".join(text.split()):
        raise _unreadable()
    return found


def _read(tokens: list[str], *, closing: bool, depth: int) -> Mask:
    mask: Mask = {}
    if depth > _MAX_DEPTH:
        raise _unreadable()
    while tokens:
        name = tokens.pop(0)
        if name in "{},":
            raise _unreadable()
        inner = None
        if tokens[:1] == ["{"]:
            tokens.pop(0)
            inner = _read(tokens, closing=True, depth=depth + 1)
        mask[name] = inner
        if not tokens:
            break
        separator = tokens.pop(0)
        if separator == "}" and closing:
            return mask
        if separator != ",":
            raise _unreadable()
    if closing or not mask:
        raise _unreadable()
    return mask


def _unreadable() -> InvalidRequest:
    return InvalidRequest("The X-Fields header cannot be read; write it like: id,kudos or {id,generations{img}}.")
