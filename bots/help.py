"""What the bot can do, in a few lines, made from the declarations so that it is never out of date."""

from __future__ import annotations

from typing import Annotated

from core.chat.command import Command, Opt, Option, OptionKind, command
from core.chat.grammar import nearest, quoted
from core.chat.talk import Chat
from core.errors import NotFound
from core.house import House
from core.house.offer import only_little
from core.house.words import listed


@command("help", aliases=("commands", "?"))
async def help_(
    chat: Chat[House],
    topic: Annotated[str, Opt("A command to explain", example="imagine")] = "",
) -> None:
    """Show what I can do, or explain one command."""
    wanted = topic.strip().lower()
    if not wanted:
        await chat.reply("\n".join([*_overview(chat), *await _little(chat)]))
        return
    explained = chat.repertoire.command(wanted)
    if explained is None:
        names = [each.name for each in chat.repertoire.commands]
        raise NotFound(f"I have no command called {quoted(topic)}. {nearest(wanted, names)}")
    await chat.reply("\n".join(_details(explained)))


def _overview(chat: Chat[House]) -> list[str]:
    lines = ["Write what you would like to see, for example: draw a red apple on a blue background"]
    lines += ["I also understand:"]
    lines += [f"• {_usage(each)}: {each.description}" for each in chat.repertoire.commands]
    if words := list(chat.repertoire.words().values()):
        lines += [f"Under a picture: {listed(words, last='or')} (the buttons, or a reply with that word)."]
    if default := chat.repertoire.default:
        lines += [f"All options of {default.name}: help {default.name}"]
    return lines


def _usage(explained: Command) -> str:
    rest = explained.rest
    return f"{explained.name} <{rest.spelled}>" if rest and rest.required else explained.name


def _details(explained: Command) -> list[str]:
    lines = [f"{_usage(explained)}: {explained.description}"]
    if explained.aliases:
        lines += [f"Also: {listed(list(explained.aliases), last='or')}"]
    if explained.named:
        lines += ["Options, anywhere in the line:", *(_option(option) for option in explained.named)]
    if explained.default and explained.rest:
        example = explained.rest.about.example or "…"
        lines += [f"For example: {explained.name} {example} ### text --steps 30 style: watercolour"]
        lines += ["What stands after ### is what you do not want to see."]
    return lines


def _option(option: Option) -> str:
    about = option.about
    value = "" if option.kind is OptionKind.FLAG else f" {about.example or f'<{option.kind}>'}"
    facts = [about.description, *_range(about)]
    if option.choices:
        facts += [f"one of {listed(list(option.choices), last='or')}"]
    if option.default not in (None, False, ""):
        facts += [f"{option.default} if you don't say"]
    return f"• --{option.spelled}{value}: {', '.join(facts)}"


def _range(about: Opt) -> list[str]:
    if about.ge is None or about.le is None:
        return []
    return [f"{about.ge:g} to {about.le:g}"]


async def _little(chat: Chat[House]) -> list[str]:
    """While the bundled model is all there is, people are glad to know its words."""
    words = chat.house.words
    if words is None or not only_little(await chat.house.offer.models()):
        return []
    behind = f" on backgrounds such as {listed(words.backgrounds[:4])}" if words.backgrounds else ""
    return [f"The little model knows {len(words.things)} things, for example {words.examples()}{behind}."]
