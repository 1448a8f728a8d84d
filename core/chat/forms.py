"""What a command or button offers besides being said or pressed: entries in menus, and forms to fill in.

Declared in `bots/` beside the conversation; platforms that have neither do the same with replies and words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Aim(StrEnum):
    """What a menu is opened on."""

    MESSAGE = "message"
    """Arrives as a `Call` that replies to it, with its pictures."""
    PERSON = "person"
    """Arrives as a `Call` with `target`."""


@dataclass(frozen=True)
class Menu:
    """An entry in the menu of a message or a person, where a platform has such menus; runs the command it belongs to.

    What the command cannot do without and the target does not bring is asked for in a form.
    """

    label: str
    on: Aim = Aim.MESSAGE


@dataclass(frozen=True)
class Field:
    """Something to fill in."""

    name: str
    label: str
    """At most 45 characters."""
    value: str = ""
    """What stands there already."""
    required: bool = True
    long: bool = False
    """Several lines."""
    choices: tuple[str, ...] = ()
    """One of these, at most 25; empty = any words."""


@dataclass(frozen=True)
class Form:
    """What a button asks for before it does its work: 1 to 5 fields."""

    title: str
    """At most 45 characters."""
    fields: tuple[Field, ...]
