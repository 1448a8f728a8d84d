"""Being the same person on several platforms: a code shown on one of them and told on another."""

from __future__ import annotations

from typing import Annotated

from bots.account import described
from core.accounts import membership
from core.chat.command import Opt, command
from core.chat.talk import Chat
from core.errors import NotAllowed, NotFound
from core.house import House


@command("link")
async def link(chat: Chat[House], code: Annotated[str, Opt("The code I showed you elsewhere")] = "") -> None:
    """Be the same person on two platforms."""
    if code.strip():
        everybody = await membership.link(chat.house, chat.person, code)
        await chat.whisper(f"Linked. I know you as {described(everybody)} now.")
        return
    if not (chat.place.private or chat.limits.can_whisper):
        raise NotAllowed("I say that in private only: please write “link” to me directly.")
    shown = await membership.link_code(chat.house, chat.person)
    await chat.whisper(
        f"Within ten minutes, say this to me on the other platform: link {shown}\n"
        "Tell it to nobody: whoever says it is you from then on."
    )


@command("unlink")
async def unlink(chat: Chat[House]) -> None:
    """Undo a link."""
    if not await chat.house.community.people.unlink(chat.person.platform, chat.person.id):
        raise NotFound("You are not linked to anything here.")
    await chat.whisper("Done: here I know you by this name only from now on.")
