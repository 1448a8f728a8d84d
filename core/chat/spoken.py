"""Reads reply words and emoji as presses of the buttons under our posts: "again", "variation 2", 🔁.

Used by dispatch before the grammar. In a private place a bare word belongs to the newest post that has such a button;
in a public one it must be a reply to the post, so that nobody's small talk presses anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from core.chat import emoji
from core.chat.command import ButtonHandler, Repertoire
from core.chat.memory import Memory, SentPost
from core.chat.types import Call, MessageRef, Press, Reaction
from core.errors import InvalidRequest

_WORDS = re.compile(r"[/!]?(?P<word>[^\W\d][\w -]*?)\s*#?(?P<number>\d{1,3})?\s*[.!]?")
_FIRST = re.compile(r"\s*[/!]?(?P<word>[^\W\d][\w-]*)[:,]?\s+(?P<rest>\S.*)", re.DOTALL)
_LONGEST = 40
"""Characters of a reply word with its number; what is longer is a sentence, and is not searched for one."""
_LETTERS = re.compile(r"\w")


@dataclass(frozen=True)
class _Placed:
    """A button under a post."""

    action: str
    arg: str
    emoji: str | None
    message: MessageRef


class Spoken:
    """What people say and do to our posts."""

    def __init__(self, repertoire: Repertoire, memory: Memory) -> None:
        self._repertoire = repertoire
        self._memory = memory

    async def reply(self, call: Call) -> Press | None:
        """The press that a sentence means; None: it is an ordinary sentence.

        Raises:
            InvalidRequest: the word is one of ours but there is no such button; says what there is.
        """
        if not _LETTERS.search(call.text):
            return await self._emoji(call.key, call.text, call.replied_to, call)
        said = call.text.strip()
        found = _WORDS.fullmatch(said) if len(said) <= _LONGEST else None
        handler = self._repertoire.word(found["word"]) if found else None
        if found is None or handler is None:
            return await self._filled(call)
        if call.replied_to is None and not call.place.private:
            return None
        return self._pick(handler, found["word"], found["number"], await self._buttons(call, handler), call)

    async def _filled(self, call: Call) -> Press | None:
        """A reply word and what its form asks for: "edit a blue cat"."""
        found = _FIRST.fullmatch(call.text)
        handler = self._repertoire.word(found["word"]) if found else None
        if found is None or handler is None or handler.rest is None:
            return None
        if not (call.replied_to or call.place.private) or not (buttons := await self._buttons(call, handler)):
            return None
        press = self._pick(handler, found["word"], None, buttons, call)
        return replace(press, fields={handler.rest: found["rest"].strip()})

    async def reaction(self, reaction: Reaction) -> Press | None:
        """The press that an emoji under a post of ours means."""
        return await self._emoji(reaction.key, reaction.emoji, reaction.target, reaction)

    async def _emoji(self, key: str, shown: str, target: MessageRef | None, event: Call | Reaction) -> Press | None:
        if target is None or not (plain := emoji.plain(shown)):
            return None
        for button in await self._under(target):
            if button.emoji and emoji.plain(button.emoji) == plain:
                return Press(key, button.action, button.arg, event.person, event.place, button.message)
        return None

    async def _buttons(self, call: Call, handler: ButtonHandler) -> list[_Placed]:
        """The buttons of this action under the post that is meant."""
        if call.replied_to is not None:
            return [each for each in await self._under(call.replied_to) if each.action == handler.action]
        for post in await self._memory.recent_posts(call.place.platform, call.place.id, call.person.id):
            ref = MessageRef(call.place.platform, call.place.id, post.message)
            if found := [each for each in _placed(post, ref) if each.action == handler.action]:
                return found
        return []

    async def _under(self, ref: MessageRef) -> Sequence[_Placed]:
        """The buttons of a post; where it was split over several messages, those under its last one."""
        post = await self._memory.sent_post(ref.platform, ref.place, ref.message)
        if post is None:
            return ()
        if (own := _placed(post, ref)) or post.about is None:
            return own
        for other in await self._memory.recent_posts(ref.platform, ref.place, post.person):
            if other.about == post.about and (
                found := _placed(other, MessageRef(ref.platform, ref.place, other.message))
            ):
                return found
        return ()

    def _pick(
        self, handler: ButtonHandler, word: str, number: str | None, buttons: Sequence[_Placed], call: Call
    ) -> Press:
        if not buttons:
            raise InvalidRequest(f"There is nothing here that “{word}” could belong to.")
        at = int(number or 1) - 1
        if not 0 <= at < len(buttons):
            most = f"1 to {len(buttons)}" if len(buttons) > 1 else "no number but 1"
            raise InvalidRequest(f"“{word}” takes {most} here.")
        button = buttons[at]
        return Press(call.key, handler.action, button.arg, call.person, call.place, button.message)


def _placed(post: SentPost, ref: MessageRef) -> list[_Placed]:
    buttons = cast("list[dict[str, str | None]]", json.loads(post.buttons))
    return [_Placed(each["action"] or "", each["arg"] or "", each["emoji"], ref) for each in buttons]
