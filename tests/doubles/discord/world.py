"""Who and what there is: one server with channels, people, their direct messages, what was said, interactions."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
EPOCH = 1_420_070_400_000
APPLICATION = "900000000000000001"
GUILD = "800000000000000001"
SEND_MESSAGES, EVERYTHING = 1 << 11, (1 << 53) - 1
MANAGE = (1 << 5) | (1 << 13)
SPEAK = (1 << 10) | SEND_MESSAGES | (1 << 14) | (1 << 15) | (1 << 16) | (1 << 6) | (1 << 38)
THINKING = 1 << 7
EPHEMERAL = 1 << 6


def now() -> str:
    """The time as Discord writes it."""
    return datetime.now(UTC).isoformat()


@dataclass
class Interaction:
    """Something that somebody did to the bot, and what became of it."""

    id: str
    token: str
    kind: int
    channel: str
    person: Json
    born: float
    source: Json | None = None
    """The message with the button."""
    answered: bool = False
    message: str | None = None
    """Id of its own message (@original)."""
    modal: Json | None = None
    choices: list[Json] | None = None
    follow_ups: int = 0
    private_install: bool = False
    answered_after: float | None = None


@dataclass
class World:
    """Everything that stands there."""

    messages: dict[str, Json] = field(default_factory=dict[str, Json])
    """By id, in the order they were sent; deleted ones are gone."""
    interactions: dict[str, Interaction] = field(default_factory=dict[str, Interaction])
    """By token."""
    people: dict[str, Json] = field(default_factory=dict[str, Json])
    channels: dict[str, Json] = field(default_factory=dict[str, Json])
    members: dict[str, Json] = field(default_factory=dict[str, Json])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Path on the file host → bytes."""
    nonces: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    commands: list[Json] = field(default_factory=list[Json])
    reactions: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Message and emoji of the bot's own reactions."""
    clock: float = 0.0
    """Seconds by which the time here is ahead."""

    def __post_init__(self) -> None:
        self._count = itertools.count(1)
        self.bot = self.person("largesse", bot=True, number=APPLICATION)
        self.general = self.channel("general")
        self.ann = self.person("ann")

    def time(self) -> float:
        """Seconds since 1970, as far as anybody here is concerned."""
        return time.time() + self.clock

    def id(self) -> str:
        """A new id; ids carry their time."""
        return str(((int(self.time() * 1000) - EPOCH) << 22) + next(self._count) % (1 << 22))

    def person(self, name: str, *, bot: bool = False, number: str = "", manager: bool = False) -> Json:
        """Somebody, a member of the server."""
        user = {
            "id": number or self.id(), "username": name, "discriminator": "0",
            "global_name": None if bot else name.title(),
            "avatar": None, "bot": bot, "public_flags": 0, "flags": 0, "banner": None, "accent_color": None,
            "system": False, "clan": None, "primary_guild": None,
        }  # fmt: skip
        self.people[user["id"]] = user
        self.members[user["id"]] = {
            "user": user, "nick": None, "avatar": None, "banner": None, "roles": [], "joined_at": now(), "deaf": False,
            "mute": False, "flags": 0, "pending": False, "premium_since": None, "communication_disabled_until": None,
            "permissions": str(SPEAK | (MANAGE if manager else 0)),
        }  # fmt: skip
        return user

    def channel(self, name: str, *, nsfw: bool = False, direct_with: Json | None = None) -> Json:
        """A channel of the server, or a direct conversation."""
        common: Json = {"id": self.id(), "last_message_id": None, "flags": 0}
        if direct_with:
            made = common | {"type": 1, "recipients": [direct_with]}
        else:
            made = common | {
                "type": 0, "guild_id": GUILD, "name": name, "nsfw": nsfw, "position": 0, "permission_overwrites": [],
                "topic": None, "parent_id": None, "rate_limit_per_user": 0, "last_pin_timestamp": None,
            }  # fmt: skip
        self.channels[made["id"]] = made
        return made

    def application(self) -> Json:
        """The application behind the bot."""
        return {
            "id": APPLICATION, "name": "Largesse", "icon": None, "description": "", "type": None, "bot_public": True,
            "bot_require_code_grant": False, "verify_key": "0" * 64, "flags": 0, "flags_new": "0",
            "eligible_oauth2_scopes": [], "redirect_uris": [], "team": None,
            "interactions_endpoint_url": None, "role_connections_verification_url": None, "owner": self.ann,
            "summary": "",
            "approximate_guild_count": 1, "approximate_user_install_count": 0, "explicit_content_filter": 0,
            "integration_types_config": {}, "bot": self.bot, "approximate_user_authorization_count": 0,
            "event_webhooks_status": 1, "event_webhooks_url": None, "event_webhooks_types": [],
        }  # fmt: skip

    def guild(self) -> Json:
        """The server as the gateway tells of it."""
        everyone = {
            "id": GUILD, "name": "@everyone", "color": 0, "hoist": False, "icon": None, "unicode_emoji": None,
            "position": 0, "permissions": str(SPEAK), "managed": False, "mentionable": False, "flags": 0,
            "description": None, "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        }  # fmt: skip
        return {
            "id": GUILD, "name": "Town", "icon": None, "splash": None, "discovery_splash": None,
            "owner_id": self.ann["id"],
            "afk_channel_id": None, "afk_timeout": 300, "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "roles": [everyone], "emojis": [], "features": [], "mfa_level": 0,
            "application_id": None, "system_channel_id": None, "system_channel_flags": 0, "rules_channel_id": None,
            "vanity_url_code": None, "description": None, "banner": None, "premium_tier": 0,
            "premium_subscription_count": 0, "preferred_locale": "en-US", "public_updates_channel_id": None,
            "nsfw_level": 0, "nsfw": False, "stickers": [], "premium_progress_bar_enabled": False,
            "safety_alerts_channel_id": None, "joined_at": now(), "large": False, "unavailable": False,
            "member_count": len(self.members), "voice_states": [], "members": [self.member(APPLICATION)],
            "channels": [each for each in self.channels.values() if each["type"] == 0], "threads": [], "presences": [],
            "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [], "region": "deprecated",
            "home_header": None, "hub_type": None, "max_members": 500000, "max_presences": None,
            "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50, "widget_enabled": False, "widget_channel_id": None, "lazy": True,
            "incidents_data": None, "inventory_settings": None, "embedded_activities": [], "version": 1,
            "application_command_counts": {}, "latest_onboarding_question_id": None, "profile": None,
            "premium_features": None,
        }  # fmt: skip

    def member(self, user_id: str) -> Json:
        """A member as most events carry it."""
        return {name: each for name, each in self.members[user_id].items() if name != "permissions"}

    def message(self, channel: str, author: Json, content: str = "", **more: Any) -> Json:
        """Write something there."""
        said: Json = {
            "id": self.id(), "channel_id": channel, "author": author, "content": content, "timestamp": now(),
            "edited_timestamp": None, "tts": False, "mention_everyone": False, "mentions": [], "mention_roles": [],
            "attachments": [], "embeds": [], "pinned": False, "type": 0, "flags": 0, "components": [],
        }  # fmt: skip
        said |= more
        self.messages[said["id"]] = said
        return said

    def shown(self, *, channel: str | None = None) -> list[Json]:
        """The bot's messages that people can read: no progress, nothing for one person alone."""
        return [
            each
            for each in self.messages.values()
            if each["author"]["id"] == APPLICATION
            and not each["embeds"]
            and not each["flags"] & (THINKING | EPHEMERAL)
            and channel in (None, each["channel_id"])
        ]

    def whispered(self) -> list[Json]:
        """The bot's messages for one person alone."""
        return [each for each in self.messages.values() if each["flags"] & EPHEMERAL]
