"""The named looks: all of them, those that a word finds, or one in detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from core.chat.command import Opt, command
from core.chat.grammar import nearest, quoted
from core.chat.talk import Chat
from core.errors import NotFound
from core.generation import Size
from core.house import House
from core.house.styles import Look, Style
from core.house.words import listed


@command("styles", aliases=("style", "looks"))
async def styles(
    chat: Chat[House],
    words: Annotated[str, Opt("A style's name, or words to look for", example="painting")] = "",
) -> None:
    """List the styles, search them, or show one."""
    known = chat.house.styles
    wanted = words.strip()
    try:
        one = known.find(wanted) if wanted else None
    except NotFound:
        one = None
    if one is not None:
        await chat.reply(_details(*one, family=await _family(chat)))
        return
    found = known.search(wanted)
    if not found:
        raise NotFound(f"No style has anything to do with {quoted(wanted)}. {nearest(wanted, known.styles)}")
    await chat.reply(_list(found, family=await _family(chat)))


def _list(found: Mapping[str, Style], *, family: str) -> str:
    """One line each for what can be drawn now, one line for all the rest."""
    fitting = {name: style for name, style in found.items() if style.fits(family)}
    lines = [f"• {name}: {style.description}" for name, style in fitting.items()]
    if others := [name for name in found if name not in fitting]:
        lines.append(f"Not with the models that draw right now: {', '.join(others)}.")
    if fitting:
        lines.append(f"Use one like this: draw a lighthouse style: {next(iter(fitting))}")
    return "\n".join(lines)


async def _family(chat: Chat[House]) -> str:
    """The family of models that would draw now."""
    models = await chat.house.offer.models()
    known = chat.house.styles
    return (known.family(models[0].name) if models else known.assumed_family())[0]


def _details(name: str, style: Style, *, family: str) -> str:
    look = style.look(family)
    lines = [f"{name}: {style.description}"]
    if not style.fits(family):
        lines.append(f"The models that draw right now can't do it; it is made for {listed(style.only, last='or')}.")
    lines.append(f"It asks for: {(look.prompt or '{p}').replace('{p}', 'your words')}")
    if avoided := (look.negative or "").replace("{np}", "").strip(" ,"):
        lines.append(f"and avoids: {avoided}")
    if hints := _hints(look):
        lines.append(f"with {', '.join(hints)}")
    if style.tags:
        lines.append(f"Tags: {', '.join(style.tags)}")
    return "\n".join(lines)


def _hints(look: Look) -> list[str]:
    hints = [str(Size(look.width, look.height))] if look.width and look.height else []
    hints += [f"{look.steps} steps"] if look.steps else []
    hints += [f"guidance {look.cfg_scale:g}"] if look.cfg_scale is not None else []
    return [*hints, look.sampler.value] if look.sampler else hints
