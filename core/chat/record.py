"""Events as JSON and back, for the memory: what is written down before a conversation starts."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import Any, cast

from core.chat.types import Call, Event, MessageRef, Person, Picture, Place, Press, Reaction


def dump(event: Event) -> str:
    """The event as JSON text, bytes of pictures included."""
    fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
    return json.dumps({"event": type(event).__name__, **{name: _plain(value) for name, value in fields.items()}})


def load(text: str) -> Event:
    """The event that was dumped.

    Raises:
        ValueError, KeyError, TypeError: the text is none of ours.
    """
    fields: dict[str, Any] = json.loads(text)
    kind = fields.pop("event")
    fields["person"], fields["place"] = _person(fields["person"]), _place(fields["place"])
    who = {"Call": "target", "Reaction": "author"}.get(kind, "")
    if fields.get(who):
        fields[who] = _person(fields[who])
    for name in ("message", "replied_to", "target"):
        if fields.get(name) and name != who:
            fields[name] = MessageRef(**fields[name])
    match kind:
        case "Call":
            fields["pictures"] = tuple(_rich(each) for each in fields["pictures"])
            fields["args"] = {name: _rich(value) for name, value in fields["args"].items()}
            return Call(**fields)
        case "Press":
            return Press(**fields)
        case "Reaction":
            return Reaction(**fields)
        case _:
            raise ValueError(f"There is no event called {kind!r}.")


def _person(fields: dict[str, Any]) -> Person:
    roles = tuple(cast("list[str]", fields.pop("roles", [])))
    return Person(**fields, roles=roles)


def _place(fields: dict[str, Any]) -> Place:
    inside = tuple(cast("list[str]", fields.pop("inside", [])))
    return Place(**fields, inside=inside)


def _plain(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    match value:
        case Picture():
            data = base64.b64encode(value.data).decode() if value.data is not None else None
            return {"$picture": {**asdict(value), "data": data}}
        case Person() | Place() | MessageRef():
            return asdict(value)
        case tuple():
            return [_plain(each) for each in cast("tuple[Any, ...]", value)]
        case dict():
            return {name: _plain(each) for name, each in cast("dict[str, Any]", value).items()}
        case _:
            return value


def _rich(value: Any) -> Any:  # noqa: ANN401  # any JSON value
    match value:
        case {"$picture": dict()}:
            fields = dict(cast("dict[str, Any]", value["$picture"]))
            data = fields.pop("data")
            return Picture(data=base64.b64decode(data) if data is not None else None, **fields)
        case _:
            return value
