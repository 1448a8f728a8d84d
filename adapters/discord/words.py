"""How one addresses the bot on Discord: slash commands and menus made of the declarations, custom ids, mentions."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from core.chat.command import Command, Option, OptionKind, Repertoire
from core.chat.forms import Aim, Menu

Payload = dict[str, Any]
MOST_OPTIONS = 25
"""Of one command; also choices of one option."""
EVERYWHERE = [0, 1, 2]
"""Contexts: servers, direct messages with the bot, other direct messages."""
BOTH = [0, 1]
"""Installed in servers, and by people for themselves."""
MANAGE_SERVER = 32
"""The right that a person needs to see a command for managers, as Discord's permission bits."""
SLASH, PERSON_MENU, MESSAGE_MENU = 1, 2, 3
_VERSION = "v1"
_KINDS = {
    OptionKind.TEXT: 3,
    OptionKind.CHOICE: 3,
    OptionKind.INTEGER: 4,
    OptionKind.FLAG: 5,
    OptionKind.NUMBER: 10,
    OptionKind.PICTURE: 11,
}
_BUTTON_WORD = re.compile(r"\s*[/!]?(?P<word>[^\W\d][\w -]*?)\s*#?\d*\s*[.!]?\s*")
_FIRST = re.compile(r"\s*(?:(?:please|pls)\s+)?[/!]?([\w-]+)", re.IGNORECASE)
_LETTERS = re.compile(r"\w")


def commands(repertoire: Repertoire) -> list[Payload]:
    """Everything that can be asked for, as Discord wants to know it (application commands)."""
    slash = [_slash(each) for each in repertoire.commands]
    menus = [_menu(menu) for command in repertoire.commands for menu in command.menus]
    menus += [_menu(Menu(each.menu)) for each in repertoire.buttons.values() if each.menu]
    return [*slash, *menus]


def digest(payloads: list[Payload]) -> str:
    """Names a set of commands: equal for equal sets."""
    return hashlib.sha256(json.dumps(payloads, sort_keys=True).encode()).hexdigest()


def menu_command(repertoire: Repertoire, label: str) -> tuple[Command | None, str]:
    """What an entry of a menu means: a command, or else the reply word of a button."""
    for command in repertoire.commands:
        if any(menu.label == label for menu in command.menus):
            return command, ""
    return None, next((each.words[0] for each in repertoire.buttons.values() if each.menu == label), "")


def asked(command: Command) -> tuple[Option, ...]:
    """What a command cannot do without and a menu does not bring: asked for in a form."""
    return tuple(each for each in command.options if each.required and each.kind is not OptionKind.PICTURE)


def _menu(menu: Menu) -> Payload:
    kind = PERSON_MENU if menu.on is Aim.PERSON else MESSAGE_MENU
    return {"name": menu.label, "type": kind, "contexts": EVERYWHERE, "integration_types": BOTH}


def _slash(command: Command) -> Payload:
    ordered = sorted(command.options, key=lambda each: not each.required)[:MOST_OPTIONS]
    payload: Payload = {
        "name": command.name,
        "type": SLASH,
        "description": command.description[:100],
        "options": [_option(each) for each in ordered],
        "contexts": [0] if command.managers else EVERYWHERE,
        "integration_types": [0] if command.managers else BOTH,
    }
    return payload | ({"default_member_permissions": MANAGE_SERVER} if command.managers else {})


def _option(option: Option) -> Payload:
    payload: Payload = {
        "name": option.spelled.lower()[:32],
        "description": option.about.description[:100],
        "type": _KINDS[option.kind],
        "required": option.required,
    }
    if option.choices:
        payload["choices"] = [{"name": each[:100], "value": each[:100]} for each in option.choices[:MOST_OPTIONS]]
    elif option.about.suggest:
        payload["autocomplete"] = True
    if option.kind in {OptionKind.INTEGER, OptionKind.NUMBER}:
        number = int if option.kind is OptionKind.INTEGER else float
        bounds = {"min_value": option.about.ge, "max_value": option.about.le}
        payload |= {name: number(bound) for name, bound in bounds.items() if bound is not None}
    return payload


def custom_id(action: str, arg: str, *, kind: str = "b") -> str:
    """What a button (b), its form (f) or a menu's form (m) carries; at most 100 characters."""
    return f"{_VERSION}:{kind}:{action}:{arg}"[:100]


def read_custom_id(text: str) -> tuple[str, str, str] | None:
    """Kind, action and arg of a custom id; None: it is none of ours."""
    version, _, rest = text.partition(":")
    kind, _, rest = rest.partition(":")
    action, colon, arg = rest.partition(":")
    return (kind, action, arg) if version == _VERSION and colon else None


def address(text: str, repertoire: Repertoire, *, bot: int, private: bool, to_bot: bool) -> str | None:
    """The sentence for the bot in a message; None where people talk to each other.

    Args:
        text: what was written.
        repertoire: what the bot understands.
        bot: the bot's id, whose mention is taken out.
        private: only the person and the bot are here.
        to_bot: it replies to a message of the bot.
    """
    named = re.compile(rf"\s*<@!?{bot}>[\s,:]*")
    found = named.search(text)
    if found:
        return f"{text[: found.start()]} {text[found.end() :]}".strip()
    if private:
        return text
    if not to_bot or not text.strip():
        return None
    first, word = _FIRST.match(text), _BUTTON_WORD.fullmatch(text)
    known = first is not None and (repertoire.command(first[1]) or repertoire.word(first[1]))
    meant = not _LETTERS.search(text) or (word is not None and repertoire.word(word["word"]))
    return text if known or meant else None
