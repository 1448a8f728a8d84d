"""How the bot behaves in one community: shown, changed, exported and imported by the people who manage the place."""

from __future__ import annotations

import re
from typing import Annotated, Literal, cast

from core.chat.command import Opt, command
from core.chat.talk import Chat
from core.errors import InvalidRequest, NotAllowed
from core.house import House
from core.house.places import Rules, changed, read_rules

_AROUND_IDS = re.compile(r"<[#@&!]*|>|^#")
_PAIR = re.compile(r"(\S+?)\s*=\s*(\d+)")
_NOTHING = {"none", "all", "everywhere", "everybody"}


@command("settings", managers=True)
async def settings(
    chat: Chat[House],
    *,
    manner: Annotated[
        Literal["full", "minimal", "silent", "off"] | None, Opt("How much I say: all, the answer alone, nothing here")
    ] = None,
    channels: Annotated[str | None, Opt("Places where I may be used: ids, here, or everywhere", example="here")] = None,
    roles: Annotated[str | None, Opt("Roles that may use me: ids, or everybody", example="everybody")] = None,
    off: Annotated[str | None, Opt("Commands to switch off, or none", example="status")] = None,
    safety: Annotated[Literal["place", "strict"] | None, Opt("Adult pictures: as the place says, or nowhere")] = None,
    spoilers: Annotated[Literal["never", "adult", "always"] | None, Opt("When pictures are hidden at first")] = None,
    models: Annotated[str | None, Opt("Models people may ask for, with commas, or all", example="all")] = None,
    styles: Annotated[str | None, Opt("Styles people may ask for, with commas, or all", example="all")] = None,
    max_pictures: Annotated[int | None, Opt("Most pictures at once, 0 = my own limit", ge=0, le=20)] = None,
    emoji: Annotated[str | None, Opt("Emoji and their kudos, or none", example="👍=10 🎉=100")] = None,
    seeded: Annotated[str | None, Opt("Emoji that I put under pictures, or none", example="👍 🎉")] = None,
    load: Annotated[str | None, Opt("Settings that were exported, all of them")] = None,
    export: Annotated[bool, Opt("Show them as text that load takes")] = False,
) -> None:
    """Show or change how I behave here."""
    if chat.place.private and not chat.place.community:
        raise NotAllowed("There is nothing to set in a direct conversation: say it where I am to behave so.")
    rules = await chat.house.places.rules(chat.place)
    wanted: dict[str, object] = {
        "manner": manner,
        "channels": _ids(channels, here=chat.place.id),
        "roles": _ids(roles),
        "off": _ids(off),
        "safety": safety,
        "spoilers": spoilers,
        "models": _names(models),
        "styles": _names(styles),
        "max_pictures": max_pictures,
        "emoji": _table(emoji),
        "seeded": _ids(seeded),
    }
    changes = {name: value for name, value in wanted.items() if value is not None}
    if load or changes:
        rules = changed(read_rules(load) if load else rules, changes)
        await chat.house.places.change(chat.place, rules, person=chat.person.id)
    await _answer(chat, rules.model_dump_json() if export else _shown(rules, new=bool(load or changes)))


async def _answer(chat: Chat[House], text: str) -> None:
    if chat.limits.can_whisper:
        await chat.whisper(text, part="answer")
    else:
        await chat.reply(text)


def _shown(rules: Rules, *, new: bool) -> str:
    lines = ["These are the settings here from now on:" if new else "These are the settings here:"]
    for name, field in Rules.model_fields.items():
        lines.append(f"• {name} {_value(getattr(rules, name))}: {field.description}")
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value))) or "not set"
    if isinstance(value, dict):
        pairs = cast("dict[str, int]", value).items()
        return " ".join(f"{emoji}={kudos}" for emoji, kudos in pairs) or "not set"
    return str(value)


def _ids(text: str | None, *, here: str = "") -> list[str] | None:
    """Words with or without the signs that platforms put around ids; an empty list for "none"."""
    if text is None:
        return None
    words = [_AROUND_IDS.sub("", each) for each in re.split(r"[\s,]+", text.strip())]
    return [here if each.lower() == "here" and here else each for each in words if each.lower() not in {*_NOTHING, ""}]


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    return [each for each in map(str.strip, text.split(",")) if each.lower() not in {*_NOTHING, ""}]


def _table(text: str | None) -> dict[str, int] | None:
    if text is None or text.strip().lower() in _NOTHING:
        return None if text is None else {}
    pairs = {found[1]: int(found[2]) for found in _PAIR.finditer(text)}
    if not pairs:
        raise InvalidRequest("Write each emoji with its kudos, for example: 👍=10 🎉=100")
    return pairs
