"""Declares conversations: `@command`, `@button`, `@reaction`, `@resume`, `@suggestions`, `@emoji_table`.

A function's signature is its grammar. Read once, here, when a module of `bots/` is imported; dispatch, grammar and the
adapters work with the `Command` and its `Option`s, nobody else inspects functions. `Repertoire` is everything a bot can
do, without duplicates.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from core.chat.forms import Form, Menu
from core.chat.types import Picture

T = TypeVar("T")
Handler = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Opt:
    """What a parameter means, for people; goes into its `Annotated`."""

    description: str
    """A few words, at most 100 characters, beginning with a capital letter."""
    suggest: str | None = None
    """Name of the `@suggestions` with its usual values; it may then be written `name: value` inside a sentence, too."""
    ge: float | None = None
    """Least number allowed."""
    le: float | None = None
    """Greatest number allowed."""
    aliases: tuple[str, ...] = ()
    """Other names that are understood."""
    example: str | None = None
    """A value that works, shown in help and when it is missing."""


class OptionKind(StrEnum):
    """What an option takes."""

    TEXT = "text"
    """Words."""
    INTEGER = "integer"
    """A whole number."""
    NUMBER = "number"
    """A number, decimals allowed."""
    FLAG = "flag"
    """On by naming it, off by --no-name."""
    CHOICE = "choice"
    """One of a few words."""
    PICTURE = "picture"
    """An attached picture."""


@dataclass(frozen=True)
class Option:
    """One parameter of a command."""

    name: str
    """As the function spells it."""
    kind: OptionKind
    about: Opt
    required: bool
    default: object
    choices: tuple[str, ...] = ()
    rest: bool = False
    """It takes the rest of the line."""

    @property
    def spelled(self) -> str:
        """As people spell it: hyphens for underscores."""
        return self.name.replace("_", "-")

    @property
    def spellings(self) -> tuple[str, ...]:
        """All names people may use."""
        return (self.spelled, *self.about.aliases)


@dataclass(frozen=True)
class Command:
    """Something a person can ask for."""

    name: str
    description: str
    """One sentence."""
    options: tuple[Option, ...]
    run: Handler
    """`await run(chat, rest, option=value, ...)`."""
    default: bool = False
    """A sentence that names no command is for this one."""
    aliases: tuple[str, ...] = ()
    menus: tuple[Menu, ...] = ()
    """Where else it is offered."""
    managers: bool = False
    """Only for people who manage the place; others don't see it where a platform can hide it."""
    secret: bool = False
    """What is told with it is never written down: after a crash it has to be said again."""

    @property
    def rest(self) -> Option | None:
        """The option that takes the rest of the line."""
        return next((option for option in self.options if option.rest), None)

    @property
    def named(self) -> tuple[Option, ...]:
        """The options that are named."""
        return tuple(option for option in self.options if not option.rest)

    def option(self, spelling: str) -> Option | None:
        """The option of that name or alias, upper and lower case alike."""
        plain = spelling.lower().replace("_", "-")
        return next((option for option in self.options if plain in option.spellings), None)


@dataclass(frozen=True)
class ButtonHandler:
    """What happens when a button is pressed."""

    action: str
    words: tuple[str, ...]
    """Replies that mean the same as pressing it; the first one is shown where there are no buttons."""
    run: Handler
    """`await run(chat, press)`."""
    form: Callable[..., Awaitable[Form]] | None = None
    """`await form(house, arg)`: what to fill in first; the press then has `fields`. It must answer at once."""
    rest: str | None = None
    """The field that the words after a reply word fill: "edit a blue cat"."""
    menu: str | None = None
    """Offered in the menu of a message of ours under this name; means the same as a reply with the first word."""


@dataclass(frozen=True)
class ResumeHandler:
    """How a conversation goes on after a restart."""

    kind: str
    run: Handler
    """`await run(chat, state)` with the mapping that was given to `chat.hold`."""


@dataclass(frozen=True)
class Suggestions:
    """The usual values of an option."""

    name: str
    run: Callable[..., Awaitable[Sequence[str]]]
    """`await run(house)`: all of them, best first, from memory: it must answer at once."""


@dataclass(frozen=True)
class ReactionHandler:
    """What happens when somebody puts an emoji of a table to a message, or takes it away."""

    table: str
    """Name of the `@emoji_table`."""
    run: Handler
    """`await run(chat, reaction)`; a reply made of nothing but such emoji means the same."""


@dataclass(frozen=True)
class EmojiTable:
    """Emoji that mean something."""

    name: str
    run: Callable[..., Awaitable[Container[str]]]
    """`await run(house, place)`: those that mean something there, as `core.chat.emoji.spellings` spells them."""


Declaration = Command | ButtonHandler | ReactionHandler | ResumeHandler | Suggestions | EmojiTable


def command(
    name: str,
    *,
    default: bool = False,
    aliases: tuple[str, ...] = (),
    menus: tuple[Menu, ...] = (),
    managers: bool = False,
    secret: bool = False,
) -> Callable[[Handler], Command]:
    """Declare `async def f(chat, rest: Annotated[str, Opt(...)], *, option: Annotated[T, Opt(...)] = ...)`.

    The positional parameter takes the rest of the line, keyword-only ones are named options; T is str, int, float,
    bool, Literal of words or Picture, or one of them `| None`. The first docstring line is the description.
    `menus` are where else it is offered, `managers` keeps it for people who manage the place, `secret` what
    is told with it out of the memory.

    Raises:
        TypeError: the signature cannot be a grammar; says why.
    """

    def declare(run: Handler) -> Command:
        description = (inspect.getdoc(run) or "").partition("\n")[0]
        if not description:
            raise TypeError(f"{name}: the function needs a docstring; its first line describes the command.")
        return Command(name, description, _options(name, run), run, default, aliases, menus, managers, secret)

    return declare


def button(
    action: str,
    *,
    words: tuple[str, ...] = (),
    form: Callable[..., Awaitable[Form]] | None = None,
    rest: str | None = None,
    menu: str | None = None,
) -> Callable[[Handler], ButtonHandler]:
    """Declare `async def f(chat, press)`; `words` are replies that mean the same as pressing it.

    `form(house, arg)` says what is to be filled in first; where a platform has no forms, the words after the reply word
    fill its field `rest`. `menu` is the name of the same thing in the menu of a message.

    Raises:
        TypeError: a menu entry has no reply word to stand for, or a form no field that a reply fills.
    """
    if (menu and not words) or (form and words and not rest):
        raise TypeError(f"{action}: a menu entry needs a reply word, and a form with reply words the field they fill.")
    return lambda run: ButtonHandler(action, tuple(word.lower() for word in words), run, form, rest, menu)


def resume(kind: str) -> Callable[[Handler], ResumeHandler]:
    """Declare `async def f(chat, state)`, which goes on where `chat.hold(kind, state)` was said."""
    return lambda run: ResumeHandler(kind, run)


def reaction(*, table: str) -> Callable[[Handler], ReactionHandler]:
    """Declare `async def f(chat, reaction)` for emoji of a table, put to a message or taken away (`reaction.added`).

    It may be called for the same emoji any number of times, in any order: platforms repeat and lose such events.
    """
    return lambda run: ReactionHandler(table, run)


def emoji_table(name: str) -> Callable[[Callable[..., Awaitable[Container[str]]]], EmojiTable]:
    """Declare `async def f(house, place) -> Container[str]`: the emoji that `@reaction(table=name)` is for."""
    return lambda run: EmojiTable(name, run)


def suggestions(name: str) -> Callable[[Callable[..., Awaitable[Sequence[str]]]], Suggestions]:
    """Declare `async def f(house) -> Sequence[str]`: the values that `Opt(suggest=name)` offers."""
    return lambda run: Suggestions(name, run)


class Repertoire:
    """Everything a bot can do."""

    def __init__(self, *sources: ModuleType | Declaration) -> None:
        """Collect declarations, and those standing in modules.

        Raises:
            TypeError: two declarations want the same name, or two commands want to be the default one.
        """
        self.commands: tuple[Command, ...] = ()
        self.buttons: dict[str, ButtonHandler] = {}
        self.resumes: dict[str, ResumeHandler] = {}
        self.reactions: dict[str, ReactionHandler] = {}
        self.suggestions: dict[str, Suggestions] = {}
        self.tables: dict[str, EmojiTable] = {}
        self._spoken: dict[str, Command | ButtonHandler] = {}
        for source in sources:
            declared = vars(source).values() if isinstance(source, ModuleType) else (source,)
            for declaration in declared:
                if isinstance(declaration, Declaration):
                    self._add(declaration)
        if unknown := self.reactions.keys() - self.tables.keys():
            raise TypeError(f"There is no emoji table {min(unknown)!r}.")

    @property
    def default(self) -> Command | None:
        """The command for sentences that name none."""
        return next((each for each in self.commands if each.default), None)

    def command(self, name: str) -> Command | None:
        """The command of that name or alias, upper and lower case alike."""
        found = self._spoken.get(name.lower())
        return found if isinstance(found, Command) else None

    def word(self, word: str) -> ButtonHandler | None:
        """The button handler that a reply of this word means."""
        found = self._spoken.get(word.lower())
        return found if isinstance(found, ButtonHandler) else None

    def spoken(self) -> tuple[str, ...]:
        """All command names and aliases."""
        return tuple(name for name, found in self._spoken.items() if isinstance(found, Command))

    def words(self) -> Mapping[str, str]:
        """The reply word of each action that has one."""
        return {action: each.words[0] for action, each in self.buttons.items() if each.words}

    def _add(self, declaration: Declaration) -> None:
        match declaration:
            case Command():
                if declaration.default and self.default:
                    raise TypeError(f"{declaration.name} and {self.default.name} cannot both be the default command.")
                self._speak(declaration, (declaration.name, *declaration.aliases))
                self.commands = (*self.commands, declaration)
            case ButtonHandler():
                _put(self.buttons, declaration.action, declaration)
                self._speak(declaration, declaration.words)
            case ReactionHandler():
                _put(self.reactions, declaration.table, declaration)
            case EmojiTable():
                _put(self.tables, declaration.name, declaration)
            case ResumeHandler():
                _put(self.resumes, declaration.kind, declaration)
            case Suggestions():
                _put(self.suggestions, declaration.name, declaration)

    def _speak(self, declaration: Command | ButtonHandler, names: tuple[str, ...]) -> None:
        for name in names:
            _put(self._spoken, name.lower(), declaration)


def _put(table: dict[str, T], name: str, value: T) -> None:
    if name in table:
        raise TypeError(f"{name!r} is declared twice.")
    table[name] = value


def _options(command_name: str, run: Handler) -> tuple[Option, ...]:
    hints = get_type_hints(run, include_extras=True)
    parameters = list(inspect.signature(run).parameters.values())[1:]
    options = tuple(_option(command_name, each, hints[each.name]) for each in parameters)
    rests = [option for option in options if option.rest]
    if len(rests) > 1 or any(option.kind is not OptionKind.TEXT for option in rests):
        raise TypeError(f"{command_name}: at most one positional parameter, and it must be text: the rest of the line.")
    spellings = [spelling for option in options for spelling in option.spellings]
    if len(spellings) != len(set(spellings)):
        raise TypeError(f"{command_name}: two options share a name.")
    return options


def _option(command_name: str, parameter: inspect.Parameter, hint: object) -> Option:
    where = f"{command_name}: {parameter.name}"
    if get_origin(hint) is not Annotated:
        raise TypeError(f'{where}: wants Annotated[..., Opt("...")].')
    inner, *notes = get_args(hint)
    about = next((note for note in notes if isinstance(note, Opt)), None)
    if about is None:
        raise TypeError(f"{where}: has no Opt.")
    kind, choices = _kind(where, _without_none(inner))
    required = parameter.default is inspect.Parameter.empty
    return Option(
        name=parameter.name,
        kind=kind,
        about=about,
        required=required,
        default=None if required else parameter.default,
        choices=choices,
        rest=parameter.kind is not inspect.Parameter.KEYWORD_ONLY,
    )


def _without_none(hint: object) -> object:
    if get_origin(hint) in (Union, types.UnionType):
        kept = [each for each in get_args(hint) if each is not types.NoneType]
        return kept[0] if len(kept) == 1 else hint
    return hint


_KINDS: dict[Any, OptionKind] = {
    str: OptionKind.TEXT,
    int: OptionKind.INTEGER,
    float: OptionKind.NUMBER,
    bool: OptionKind.FLAG,
    Picture: OptionKind.PICTURE,
}


def _kind(where: str, hint: object) -> tuple[OptionKind, tuple[str, ...]]:
    if get_origin(hint) is Literal and all(isinstance(each, str) for each in get_args(hint)):
        return OptionKind.CHOICE, cast("tuple[str, ...]", get_args(hint))
    if kind := _KINDS.get(hint):
        return kind, ()
    raise TypeError(f"{where}: {hint} is none of str, int, float, bool, Literal of words, Picture.")
