"""discord.py's objects → events of the chat. Nothing here asks Discord for anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import discord

from adapters.discord.words import menu_command
from core.chat.command import Command, Repertoire
from core.chat.types import Call, MessageRef, Person, Picture, Place, Press, Reaction

NAME = "discord"
EPOCH = 1_420_070_400
"""Seconds since 1970 at which Discord's ids begin to count."""
TOKEN_SECONDS = 14.5 * 60
"""For so long the token of an interaction is used; Discord's own limit is 15 minutes."""


@dataclass(frozen=True)
class Way:
    """How an interaction can still be answered; travels as `Place.via`, so that a restart does not lose it."""

    kind: str
    """c = a command: its first answer is the interaction's own message; b = a button or its form: it has none."""
    id: int
    token: str
    may_post: bool
    """The bot itself may write there; false where only the person installed it."""

    @classmethod
    def read(cls, text: str | None) -> Way | None:
        """The way that a place carries; None for places of messages and reactions."""
        if text is None:
            return None
        kind, number, may_post, token = text.split(":", 3)
        return cls(kind, int(number), token, may_post == "1")

    def written(self) -> str:
        """As text."""
        return f"{self.kind}:{self.id}:{int(self.may_post)}:{self.token}"

    def alive(self, now: float) -> bool:
        """Whether its token still works; `now` in seconds since 1970."""
        return now < (self.id >> 22) / 1000 + EPOCH + TOKEN_SECONDS


def key(interaction: discord.Interaction[Any]) -> str:
    """Names the event for ever."""
    return f"{NAME}:i{interaction.id}"


def person(user: discord.abc.User, rights: discord.Permissions | None = None) -> Person:
    """Somebody, with the rights they have where they speak."""
    roles: Sequence[discord.Role] = getattr(user, "roles", ())
    return Person(
        NAME,
        str(user.id),
        user.display_name,
        is_bot=user.bot,
        moderates=bool(rights and rights.manage_messages),
        manages=bool(rights and rights.manage_guild),
        roles=tuple(str(each.id) for each in roles if not each.is_default()),
    )


def interaction_place(interaction: discord.Interaction[Any], kind: str) -> Place:
    """Where it happens and how it can be answered."""
    channel = interaction.channel
    served = interaction.is_guild_integration() and interaction.app_permissions.send_messages
    direct = interaction.guild_id is None and isinstance(channel, discord.DMChannel) and interaction.context.dm_channel
    way = Way(kind, interaction.id, interaction.token, bool(served or direct))
    return _place(channel, interaction.channel_id or 0, interaction.guild_id, private=bool(direct), via=way.written())


def _place(channel: object, channel_id: int, guild_id: int | None, *, private: bool, via: str | None = None) -> Place:
    parent = channel.parent_id if isinstance(channel, discord.Thread) else None
    category = getattr(channel, "category_id", None)
    is_nsfw = getattr(channel, "is_nsfw", None)
    return Place(
        NAME,
        str(channel_id),
        private=private,
        nsfw=bool(is_nsfw and is_nsfw()),
        community=str(guild_id) if guild_id else "",
        inside=tuple(str(each) for each in (parent, category) if each),
        via=via,
    )


def ref(channel_id: object, message_id: object) -> MessageRef:
    """A message by its ids."""
    return MessageRef(NAME, str(channel_id), str(message_id))


def _rights(interaction: discord.Interaction[Any]) -> discord.Permissions | None:
    return interaction.permissions if interaction.guild_id else None


def call(interaction: discord.Interaction[Any], repertoire: Repertoire) -> Call | None:
    """A slash command or an entry of a menu; None: there is no such command (any more)."""
    data = cast("dict[str, Any]", interaction.data)
    asker, place = person(interaction.user, _rights(interaction)), interaction_place(interaction, "c")
    if data.get("type", 1) == 1:
        command = repertoire.command(str(data["name"]))
        if command is None:
            return None
        args = _arguments(command, data)
        return Call(key(interaction), asker, place, command=command.name, args=args)
    command, word = menu_command(repertoire, str(data["name"]))
    if command is None and not word:
        return None
    return aimed(interaction, asker, place, data, command=command, word=word)


def aimed(
    interaction: discord.Interaction[Any],
    asker: Person,
    place: Place,
    data: Mapping[str, Any],
    *,
    command: Command | None,
    word: str,
) -> Call:
    """What a menu means: a reply to the message it was opened on, or a call about the person."""
    resolved, target = data.get("resolved", {}), str(data["target_id"])
    message, user = resolved.get("messages", {}).get(target), resolved.get("users", {}).get(target)
    author = message["author"] if message else user
    return Call(
        key(interaction),
        asker,
        place,
        text=word,
        command=command.name if command else None,
        pictures=_of_message(message) if message else _avatar(user),
        replied_to=ref(interaction.channel_id, target) if message else None,
        target=_raw_person(author) if author else None,
    )


def filled(
    interaction: discord.Interaction[Any], command: Command, data: Mapping[str, Any], values: Mapping[str, str]
) -> Call:
    """What a menu began and its form completed."""
    asker, place = person(interaction.user, _rights(interaction)), interaction_place(interaction, "c")
    return replace(aimed(interaction, asker, place, data, command=command, word=""), args=dict(values))


def _arguments(command: Command, data: Mapping[str, Any]) -> dict[str, object]:
    attachments = data.get("resolved", {}).get("attachments", {})
    args: dict[str, object] = {}
    for each in data.get("options", ()):
        if option := command.option(str(each["name"])):
            value = each["value"]
            args[option.name] = attachment(attachments[value]) if each["type"] == 11 else value
    return args


def focused(data: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name and beginning of the option that is being typed."""
    found = next((each for each in data.get("options", ()) if each.get("focused")), None)
    return (str(found["name"]), str(found["value"])) if found else None


def attachment(data: Mapping[str, Any]) -> Picture:
    """An attached file by its address; its bytes are fetched when they are needed."""
    return Picture(
        url=str(data["url"]),
        alt=str(data.get("description") or ""),
        mime=str(data.get("content_type") or "").partition(";")[0] or "application/octet-stream",
        width=int(data.get("width") or 0),
        height=int(data.get("height") or 0),
        name=str(data.get("filename") or ""),
    )


def _of_message(data: Mapping[str, Any]) -> tuple[Picture, ...]:
    found = [attachment(each) for each in data.get("attachments", ())]
    return tuple(each for each in found if each.mime.startswith("image/"))


def _avatar(user: Mapping[str, Any] | None) -> tuple[Picture, ...]:
    if not user or not user.get("avatar"):
        return ()
    url = f"https://cdn.discordapp.com/avatars/{user['id']}/{user['avatar']}.png?size=1024"
    return (Picture(url=url, alt=f"The profile picture of {user['username']}", mime="image/png", name="avatar.png"),)


def _raw_person(user: Mapping[str, Any]) -> Person:
    shown = str(user.get("global_name") or user["username"])
    return Person(NAME, str(user["id"]), shown, is_bot=bool(user.get("bot")))


def press(interaction: discord.Interaction[Any], action: str, arg: str, fields: Mapping[str, str]) -> Press:
    """A pressed button, or its form sent in."""
    on = interaction.message
    return Press(
        key(interaction),
        action,
        arg,
        person(interaction.user, _rights(interaction)),
        interaction_place(interaction, "b"),
        ref(interaction.channel_id, on.id if on else 0),
        fields,
    )


def fields(components: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What was filled into a form, by the names of its fields."""
    found: dict[str, str] = {}
    for row in components:
        inner = row.get("component") or next(iter(row.get("components", ())), None)
        if inner:
            found[str(inner["custom_id"])] = str(inner.get("value") or next(iter(inner.get("values", ())), ""))
    return found


def message_key(message_id: int) -> str:
    """Names the event of a message for ever."""
    return f"{NAME}:m{message_id}"


def message_call(message: discord.Message, sentence: str) -> Call:
    """A message that is for the bot."""
    place = message_place(message)
    answered = message.reference.resolved if message.reference else None
    replied = answered if isinstance(answered, discord.Message) else None
    own, theirs = _pictures(message), _pictures(replied) if replied else ()
    rights = None
    if message.guild and isinstance(message.author, discord.Member):
        rights = message.channel.permissions_for(message.author)
    return Call(
        message_key(message.id),
        person(message.author, rights),
        place,
        ref(message.channel.id, message.id),
        sentence,
        pictures=own or theirs,
        replied_to=ref(message.channel.id, message.reference.message_id) if message.reference else None,
        target=person(replied.author) if replied else None,
    )


def message_place(message: discord.Message) -> Place:
    """Where a message stands."""
    guild_id = message.guild.id if message.guild else None
    private = isinstance(message.channel, discord.DMChannel)
    return _place(message.channel, message.channel.id, guild_id, private=private)


def _pictures(message: discord.Message) -> tuple[Picture, ...]:
    found = [attachment(each.to_dict()) for each in message.attachments]
    return tuple(each for each in found if each.mime.startswith("image/"))


def reaction(event: discord.RawReactionActionEvent, *, added: bool, key: str, place: Place) -> Reaction:
    """Somebody put an emoji or took it away."""
    who = Person(NAME, str(event.user_id), "")
    if event.member:
        who = person(event.member)
    author = Person(NAME, str(event.message_author_id), "") if event.message_author_id else None
    return Reaction(key, str(event.emoji), added, who, place, ref(event.channel_id, event.message_id), author=author)


def taken(channel_id: int, message_id: int, emoji: str, person_id: int, *, key: str, place: Place) -> Reaction:
    """A moderator took somebody's emoji away."""
    return Reaction(
        key,
        emoji,
        added=False,
        person=Person(NAME, str(person_id), ""),
        place=place,
        target=ref(channel_id, message_id),
    )


def channel_place(channel: object, channel_id: int, guild_id: int | None) -> Place:
    """A place by its ids, for events that say no more."""
    return _place(channel, channel_id, guild_id, private=guild_id is None)
