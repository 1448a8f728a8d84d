"""What is heard on Discord → what dispatch gets; events are kept and acknowledged at the same time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import discord

from adapters.discord import read, show
from adapters.discord.answers import Answers, Slot
from adapters.discord.read import NAME
from adapters.discord.taps import Tap, Taps
from adapters.discord.words import address, asked, custom_id, menu_command, read_custom_id
from core import log
from core.chat.forms import Field, Form
from core.chat.port import Dispatching, Port
from core.chat.types import Place, Post, Press
from core.errors import LargesseError

if TYPE_CHECKING:
    from core.chat.command import Command

_COMMAND, _BUTTON, _TYPING, _FORM = (
    discord.InteractionType.application_command,
    discord.InteractionType.component,
    discord.InteractionType.autocomplete,
    discord.InteractionType.modal_submit,
)
_SAID = {discord.MessageType.default, discord.MessageType.reply}
MOST_BEGUN = 2000
"""Forms of menus that may be open at once; the oldest are forgotten."""
logger = log.get(__name__)


class Hearing:
    """The ears of one connection."""

    client: discord.Client
    answers: Answers

    def __init__(self, port: Port, dispatch: Dispatching) -> None:
        self._port, self._dispatch = port, dispatch
        self._taps = Taps()
        self._begun: OrderedDict[str, dict[str, Any]] = OrderedDict()
        """Interaction id → what a menu was opened on, while its form is being filled in."""

    async def interaction(self, interaction: discord.Interaction[Any]) -> None:
        """A command, a menu, a button, a form, or an option being typed."""
        if interaction.type is _TYPING:
            await self._complete(interaction)
            return
        slot = self.answers.open(interaction)
        if interaction.type is _COMMAND:
            await self._command(slot, interaction)
        elif interaction.type is _BUTTON:
            await self._button(slot, interaction)
        elif interaction.type is _FORM:
            await self._form(interaction)

    async def message(self, message: discord.Message) -> None:
        """Somebody wrote something: to the bot, about it, or to others."""
        bot = self.client.user
        if bot is None or message.author.bot or message.type not in _SAID:
            return
        answered = message.reference.resolved if message.reference else None
        sentence = address(
            message.content,
            self._dispatch.repertoire,
            bot=bot.id,
            private=message.guild is None,
            to_bot=isinstance(answered, discord.Message) and answered.author.id == bot.id,
        )
        if sentence is not None:
            await self._dispatch.call(self._port, read.message_call(message, sentence))

    async def deleted(self, event: discord.RawMessageDeleteEvent) -> None:
        """Somebody took their words away: what they asked for is stopped and removed."""
        message = event.cached_message
        if message is None or message.author.bot or "withdraw" not in self._dispatch.repertoire.buttons:
            return
        ref = read.ref(event.channel_id, event.message_id)
        key, asked_by = f"{NAME}:d{event.message_id}", read.person(message.author)
        press = Press(key, "withdraw", read.message_key(message.id), asked_by, read.message_place(message), ref)
        await self._dispatch.press(self._port, press)

    async def reacted(self, event: discord.RawReactionActionEvent) -> None:
        """An emoji was put or taken away; one's own, and the same news twice, are none."""
        if self.client.user and event.user_id == self.client.user.id:
            return
        added, tap = event.event_type == "REACTION_ADD", Tap(event.message_id, event.user_id, str(event.emoji))
        news = self._taps.put(tap, burst=event.burst) if added else self._taps.taken(tap, burst=event.burst)
        if news:
            place = self._place(event.channel_id, event.guild_id)
            happened = read.reaction(event, added=added, key=self._taps.name(tap), place=place)
            await self._dispatch.react(self._port, happened)

    async def cleared(self, event: discord.RawReactionClearEvent | discord.RawReactionClearEmojiEvent) -> None:
        """A moderator took emoji away: for everybody who is known to have put one."""
        emoji = str(event.emoji) if isinstance(event, discord.RawReactionClearEmojiEvent) else None
        place = self._place(event.channel_id, event.guild_id)
        for tap in list(self._taps.cleared(event.message_id, emoji)):
            gone = read.taken(
                event.channel_id, tap.message, tap.emoji, tap.person, key=self._taps.name(tap), place=place
            )
            await self._dispatch.react(self._port, gone)

    def _place(self, channel_id: int, guild_id: int | None) -> Place:
        return read.channel_place(self.client.get_channel(channel_id), channel_id, guild_id)

    async def _command(self, slot: Slot, interaction: discord.Interaction[Any]) -> None:
        data = cast("dict[str, Any]", interaction.data)
        if data.get("type", 1) != 1:
            command, _ = menu_command(self._dispatch.repertoire, str(data["name"]))
            if command and asked(command):
                self._begun[str(interaction.id)] = data
                if len(self._begun) > MOST_BEGUN:
                    self._begun.popitem(last=False)
                form_id = custom_id(command.name, str(interaction.id), kind="m")
                await self.answers.form(slot, show.modal(_missing(command), form_id))
                return
        call = read.call(interaction, self._dispatch.repertoire)
        if call is None:
            await self._tell(interaction, "I don't know that command any more; please look at my list again.")
            return
        await self._dispatch.call(self._port, call)

    async def _button(self, slot: Slot, interaction: discord.Interaction[Any]) -> None:
        found = read_custom_id(str(cast("dict[str, Any]", interaction.data)["custom_id"]))
        if found is None:
            await self._tell(interaction, "That button is not one of mine any more.")
            return
        _, action, arg = found
        try:
            form = await self._dispatch.form(action, arg)
        except LargesseError as error:
            await self._tell(interaction, str(error))
            return
        if form:
            await self.answers.form(slot, show.modal(form, custom_id(action, arg, kind="f")))
        else:
            await self._dispatch.press(self._port, read.press(interaction, action, arg, {}))

    async def _form(self, interaction: discord.Interaction[Any]) -> None:
        data = cast("dict[str, Any]", interaction.data)
        found, filled = read_custom_id(str(data["custom_id"])), read.fields(data["components"])
        if found is None:
            return
        kind, action, arg = found
        if kind == "f":
            await self._dispatch.press(self._port, read.press(interaction, action, arg, filled))
            return
        command, begun = self._dispatch.repertoire.command(action), self._begun.get(arg)
        if command is None or begun is None:
            await self._tell(interaction, "I no longer know what you chose; please open the menu again.")
            return
        await self._dispatch.call(self._port, read.filled(interaction, command, begun, filled))

    async def _complete(self, interaction: discord.Interaction[Any]) -> None:
        """Values for what is being typed, from memory."""
        data = cast("dict[str, Any]", interaction.data)
        command, typing = self._dispatch.repertoire.command(str(data["name"])), read.focused(data)
        option = command.option(typing[0]) if command and typing else None
        if option is None or typing is None or option.about.suggest is None:
            return
        found = await self._dispatch.suggest(option.about.suggest, typing[1])
        choices = [discord.app_commands.Choice(name=each[:100], value=each[:100]) for each in found[:25]]
        try:
            await interaction.response.autocomplete(choices)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            logger.info("completion_lost", reason=str(error))

    async def _tell(self, interaction: discord.Interaction[Any], words: str) -> None:
        place, who = read.interaction_place(interaction, "b"), read.person(interaction.user)
        await self._port.whisper(who, place, Post(words), key=f"{read.key(interaction)}/error")


def _missing(command: Command) -> Form:
    """What a menu's command cannot do without."""
    fields = tuple(
        Field(each.name, each.about.description, long=each.rest, choices=each.choices) for each in asked(command)
    )
    return Form(command.description, fields[:5])
