"""Reads sentences: `[command] rest of line ### negative --steps 30 style: oil`, as the horde's bots taught people.

Called by dispatch for every platform that hands over plain text; `check` alone where the platform knows commands and
options itself. Unknown options, wrong values and missing words are refused with a hint, never guessed.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from core.chat.command import Command, Option, OptionKind, Repertoire
from core.chat.types import Picture
from core.errors import InvalidRequest, NotFound

_FIRST = re.compile(r"\s*(?:(?:please|pls)\b[,\s]*)?(?P<sign>[/!])?(?P<word>[^\W\d_][\w-]*)?(?P<rest>.*)", re.DOTALL)
_FOR_ME = re.compile(r"\s*(?:for\s+)?(?:me|us)\b[,:]?", re.IGNORECASE)
_QUOTED = re.compile(r"\s*(?:\"([^\"]*)\"|“([^”]*)”)(?!\S)")
_WORD = re.compile(r"\s*(\S+)")
_NEGATIVE = "###"
_SIMILAR = 0.6
"""Likeness from which a name is worth hinting at, 0 to 1."""
_LONGEST_QUOTE = 60
"""Characters of somebody's own words that an answer says back to them."""
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_ON = {"on", "yes", "true", "1"}
_OFF = {"off", "no", "false", "0"}


@dataclass(frozen=True)
class Parsed:
    """A command and its options as written, still text."""

    command: Command
    values: Mapping[str, object]
    """Option name → text, or True and False for flags."""


@dataclass(frozen=True)
class _Mark:
    """Where an option is named in a sentence."""

    start: int
    end: int
    option: Option
    negated: bool = False
    joined: bool = False
    """Its value follows an equals sign: one word."""


def quoted(words: object) -> str:
    """Somebody's own words in quotation marks, cut where they are long: what is said about them matters more."""
    text = " ".join(str(words).split())
    return f"“{text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + '…'}”"


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint after "there is no ...": the most similar names, or all when there are few; empty when there are none."""
    known = list(dict.fromkeys(names))
    wanted = name.lower()[:_LONGEST_QUOTE]
    likeness = {each: difflib.SequenceMatcher(None, wanted, each.lower()).ratio() for each in known}
    best = max(likeness.values(), default=0.0)
    if best >= _SIMILAR:
        close = sorted((each for each in known if likeness[each] > best - 0.1), key=lambda each: -likeness[each])
        return f"Did you mean {' or '.join(close[:3])}?"
    return f"There is: {', '.join(known[:12])}{' …' if len(known) > 12 else ''}." if known else ""


def parse(text: str, repertoire: Repertoire, known: Mapping[str, Sequence[str]] | None = None) -> Parsed:
    """Find the command and the options in a sentence.

    Args:
        text: what was said, without the platform's way of addressing the bot.
        repertoire: what the bot can do.
        known: values of options with suggestions, by the suggestions' name; the longest that matches is taken.

    Raises:
        NotFound: no such command, and none that takes everything.
        InvalidRequest: an option is unknown, given twice or has no value.
    """
    command, rest = _command(text, repertoire)
    prose, values = _Reading(command, rest, known or {}, split_negative=command.option("negative") is not None).read()
    prose = prose.strip()
    if prose and command.rest is None:
        raise InvalidRequest(f"“{command.name}” takes no words after it. {_options_line(command)}".strip())
    if command.rest is not None and prose:
        if command.rest.name in values:
            raise InvalidRequest(f"“{command.rest.spelled}” was given twice.")
        values[command.rest.name] = prose
    return Parsed(command, _split_negative(command, values))


def named(text: str, repertoire: Repertoire) -> Command | None:
    """The command that a sentence begins with, whatever follows; None = it names none."""
    first = _FIRST.match(text)
    return repertoire.command(first["word"]) if first and first["word"] else None


def check(command: Command, values: Mapping[str, object], pictures: Sequence[Picture] = ()) -> dict[str, object]:
    """The arguments to run a command with: texts become numbers and choices, attachments fill the picture options.

    Args:
        command: what is asked for.
        values: option name → text, number, boolean or picture.
        pictures: attachments; they fill the picture options that were not given, in order.

    Raises:
        InvalidRequest: a value is missing, of the wrong kind or out of its range, or an option is unknown.
    """
    if unknown := [name for name in values if all(name != option.name for option in command.options)]:
        raise _unknown(unknown[0], command)
    values = _split_negative(command, values)
    waiting = list(pictures)
    checked: dict[str, object] = {}
    for option in command.options:
        value = values.get(option.name)
        if value is None and option.kind is OptionKind.PICTURE and waiting:
            value = waiting.pop(0)
        if value is None or value == "":
            if option.required:
                raise InvalidRequest(_missing(command, option))
            checked[option.name] = option.default
        else:
            checked[option.name] = _value(option, value)
    return checked


def _split_negative(command: Command, values: Mapping[str, object]) -> Mapping[str, object]:
    """What stands after ### in the rest of the line belongs to the option "negative", where the command has one."""
    negative, rest = command.option("negative"), command.rest
    prose = values.get(rest.name) if rest else None
    if negative is None or rest is None or not isinstance(prose, str) or _NEGATIVE not in prose:
        return values
    wanted, _, unwanted = prose.partition(_NEGATIVE)
    given = [str(each) for each in (values.get(negative.name), unwanted.strip()) if each]
    return {**values, rest.name: wanted.strip(), negative.name: ", ".join(given)}


def _command(text: str, repertoire: Repertoire) -> tuple[Command, str]:
    found = _FIRST.match(text)
    word = (found["word"] or "") if found else ""
    if found and word and (command := repertoire.command(word)):
        rest = found["rest"]
        if word.lower() == "draw" and (for_me := _FOR_ME.match(rest)):
            rest = rest[for_me.end() :]
        return command, rest[1:] if rest[:1] in {",", ":"} else rest
    if found and word and found["sign"]:
        raise NotFound(f"There is no command {quoted(found['sign'] + word)}. {nearest(word, repertoire.spoken())}")
    if repertoire.default is None:
        raise NotFound(f"I don't know what to do with that. {nearest(word, repertoire.spoken())}")
    return repertoire.default, text


def _pattern(command: Command) -> re.Pattern[str]:
    """Finds --name, --name= and, with suggestions, `name:`; phones write a long dash for two hyphens."""
    spoken = [each for option in command.named if option.about.suggest for each in option.spellings]
    colon = "|".join(map(re.escape, spoken)) or r"(?!)"
    dashed = r"(?P<dashes>--|[\u2013\u2014])(?P<name>[^\W\d_][\w-]*)(?:(?P<equals>=)|:)?"
    return re.compile(rf"(?<!\S)(?:{dashed}|(?P<spoken>{colon}):(?!:))", re.IGNORECASE)


def _mark(command: Command, found: re.Match[str]) -> _Mark | None:
    name, joined = found["name"] or found["spoken"], found["equals"] is not None
    option = command.option(name)
    if option is not None:
        return _Mark(found.start(), found.end(), option, joined=joined)
    if name.lower().startswith("no-"):
        option = command.option(name[3:])
        if option is not None and option.kind is OptionKind.FLAG and not joined:
            return _Mark(found.start(), found.end(), option, negated=True)
    if found["dashes"] != "--":
        return None  # a dash in prose
    raise _unknown(f"--{name}", command)


class _Reading:
    """Takes a sentence apart at its options."""

    def __init__(
        self, command: Command, text: str, known: Mapping[str, Sequence[str]], *, split_negative: bool
    ) -> None:
        self._command = command
        self._text = text
        self._known = known
        self._split_negative = split_negative
        self._pattern = _pattern(command)
        self._values: dict[str, object] = {}

    def read(self) -> tuple[str, dict[str, object]]:
        """The words that belong to no option, and the values of those that are named."""
        at = 0
        prose: list[str] = []
        while mark := self._next(at):
            prose.append(self._text[at : mark.start])
            at = self._take(mark)
        prose.append(self._text[at:])
        return " ".join(filter(None, (each.strip() for each in prose))), self._values

    def _next(self, at: int) -> _Mark | None:
        marks = (_mark(self._command, found) for found in self._pattern.finditer(self._text, at))
        return next((mark for mark in marks if mark), None)

    def _take(self, mark: _Mark) -> int:
        """Read the value at a mark; returns where prose goes on."""
        name = mark.option.name
        if name in self._values:
            raise InvalidRequest(f"“{mark.option.spelled}” was given twice.")
        if mark.option.kind is OptionKind.FLAG and not mark.joined:
            self._values[name] = not mark.negated
            return mark.end
        value, stop = self._value(mark)
        if not value:
            raise InvalidRequest(f"“{mark.option.spelled}” needs a value after it. {_allowed(mark.option)}".strip())
        self._values[name] = value
        return stop

    def _value(self, mark: _Mark) -> tuple[str, int]:
        if (quoted := _QUOTED.match(self._text, mark.end)) and (not mark.joined or self._text[mark.end] in '"“'):
            return (quoted[1] or quoted[2] or "").strip(), quoted.end()
        following = self._next(mark.end)
        end = following.start if following else len(self._text)
        if self._split_negative and (at := self._text.find(_NEGATIVE, mark.end, end)) >= 0:
            end = at
        if mark.option.kind is not OptionKind.TEXT or mark.joined:
            word = _WORD.match(self._text, mark.end, end)
            return (word[1].rstrip(",;"), word.end()) if word else ("", mark.end)
        return self._words(mark, end)

    def _words(self, mark: _Mark, end: int) -> tuple[str, int]:
        """The longest run of words that is a known value; all words up to the next option where none is."""
        names = {each.lower() for each in self._known.get(mark.option.about.suggest or "", ())}
        most = max((len(each.split()) for each in names), default=0)
        words_ahead = islice(re.finditer(r"\S+", self._text[mark.end : end]), most)
        for length in reversed([found.end() for found in words_ahead]):
            words = " ".join(self._text[mark.end : mark.end + length].split()).rstrip(".,;")
            if words.lower() in names:
                return words, mark.end + length
        return self._text[mark.end : end].strip(), end


def _value(option: Option, value: object) -> object:
    match option.kind:
        case OptionKind.TEXT:
            return str(value)
        case OptionKind.INTEGER | OptionKind.NUMBER:
            return _number(option, value)
        case OptionKind.FLAG:
            return _flag(option, value)
        case OptionKind.CHOICE:
            return _choice(option, str(value))
        case OptionKind.PICTURE:
            if not isinstance(value, Picture):
                raise InvalidRequest(f"“{option.spelled}” is a picture: attach one to your message.")
            return value


def _number(option: Option, value: object) -> float:
    text = str(value).strip().replace(",", ".")
    number: float = math.nan
    if option.kind is OptionKind.INTEGER:
        whole = text.removesuffix(".0")
        number = int(whole) if _WHOLE.fullmatch(whole) else math.nan
    else:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
    least, most = option.about.ge, option.about.le
    low = least is not None and number < least
    if not math.isfinite(number) or low or (most is not None and number > most):
        raise InvalidRequest(f"“{option.spelled}” was {quoted(value)}. {_allowed(option)}")
    return number


def _flag(option: Option, value: object) -> bool:
    word = str(value).lower()
    if word in _ON | _OFF:
        return word in _ON
    raise InvalidRequest(f"“{option.spelled}” is on or off; {quoted(value)} is neither.")


def _choice(option: Option, value: str) -> str:
    for choice in option.choices:
        if choice.lower() == value.lower():
            return choice
    raise InvalidRequest(f"“{option.spelled}” cannot be {quoted(value)}. {nearest(value, option.choices)}")


def _unknown(name: str, command: Command) -> InvalidRequest:
    spelled = [each.spelled for each in command.named]
    hint = nearest(name.lstrip("-").replace("_", "-"), spelled) if spelled else "It has none."
    return InvalidRequest(f"“{command.name}” has no option {quoted(name)}. {hint}")


def _missing(command: Command, option: Option) -> str:
    example = f" For example: {command.name} {option.about.example}" if option.about.example else ""
    what = option.about.description[:1].lower() + option.about.description[1:]
    return f"Something is missing: {what}.{example}"


def _allowed(option: Option) -> str:
    about = option.about
    if option.kind is OptionKind.CHOICE:
        return f"It can be {', '.join(option.choices)}."
    if option.kind not in {OptionKind.INTEGER, OptionKind.NUMBER}:
        return f"For example: {about.example}." if about.example else ""
    kind = "a whole number" if option.kind is OptionKind.INTEGER else "a number"
    match about.ge, about.le:
        case None, None:
            return f"It is {kind}."
        case low, None:
            return f"It is {kind}, {low:g} or more."
        case None, high:
            return f"It is {kind}, {high:g} or less."
        case low, high:
            return f"It is {kind} from {low:g} to {high:g}."


def _options_line(command: Command) -> str:
    return f"Its options: {', '.join(f'--{each.spelled}' for each in command.named)}." if command.named else ""
