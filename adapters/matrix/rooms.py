"""Who may what in a room, by its state: power, privacy, bans. Fed by every answer of the sync; asked by all the others.

nio keeps members and names; powers are kept here, because nio's never shrink and know nothing of a room's creators.
"""

from __future__ import annotations

import fnmatch
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, cast

from nio import MatrixRoom

from adapters.matrix.engine import MEGOLM, Engine
from core.chat.port import SendRefused

Body = dict[str, Any]
CREATOR = 10**9
"""Power of a creator where the room's version puts creators above all levels."""
_KEPT = {
    "m.room.create", "m.room.power_levels", "m.room.join_rules", "m.room.history_visibility", "m.room.encryption",
    "m.room.tombstone", "m.policy.rule.user", "m.policy.rule.server",
}  # fmt: skip
_BAN = {"m.ban", "org.matrix.mjolnir.ban"}


class Rooms:
    """What is known of the rooms we are in.

    Args:
        engine: nio, for members and names.
        policies: ids of rooms whose ban lists are obeyed.
    """

    def __init__(self, engine: Engine, policies: Iterable[str] = ()) -> None:
        self._engine, self._policies = engine, set(policies)
        self._state: defaultdict[str, dict[tuple[str, str], Body]] = defaultdict(dict)
        self._ignored: set[str] = set()

    def take(self, answer: Mapping[str, Any]) -> None:
        """What an answer of the sync says about rooms and about whom we ignore."""
        rooms = answer.get("rooms", {})
        for room, news in rooms.get("join", {}).items():
            for part in ("state", "timeline"):
                for event in news.get(part, {}).get("events", []):
                    self._learn(room, event)
        for room in rooms.get("leave", {}):
            self._state.pop(room, None)
            self._engine.rooms.pop(room, None)
        for event in answer.get("account_data", {}).get("events", []):
            if event.get("type") == "m.ignored_user_list":
                self._ignored = set(event.get("content", {}).get("ignored_users", {}))

    def _learn(self, room: str, event: Body) -> None:
        kind, key = event.get("type"), event.get("state_key")
        if not isinstance(key, str) or not isinstance(kind, str) or kind not in _KEPT:
            return
        self._state[room][kind, key] = event
        known = self._known(room)
        if kind == "m.room.encryption" and known:
            known.encrypted = True  # also where nio does not understand how

    def _known(self, room: str) -> MatrixRoom | None:
        return self._engine.rooms.get(room)

    def content(self, room: str, kind: str) -> Body:
        """The content of a state event with an empty key; {} = there is none."""
        event = self._state[room].get((kind, "")) if room in self._state else None
        found = event.get("content") if event else None
        return cast("Body", found) if isinstance(found, dict) else {}

    def state(self, room: str, kind: str) -> Body | None:
        """A whole state event with an empty key."""
        return self._state[room].get((kind, "")) if room in self._state else None

    def all(self) -> list[str]:
        """The rooms we are in."""
        return list(self._engine.rooms)

    def joined(self, room: str) -> bool:
        """We are in it."""
        return room in self._engine.rooms

    def members(self, room: str) -> set[str]:
        """Who is in it or invited, us included."""
        known = self._known(room)
        return set(known.users) if known else set()

    def present(self, room: str) -> set[str]:
        """Who has joined, us included."""
        known = self._known(room)
        return {user for user, each in known.users.items() if not each.invited} if known else set()

    def name(self, room: str, user: str) -> str:
        """What somebody is called there."""
        known = self._known(room)
        return (known.user_name(user) if known else None) or user

    def private(self, room: str) -> bool:
        """Only one person and the bot read along, and nobody can come in without being invited."""
        open_door = self.content(room, "m.room.join_rules").get("join_rule", "invite") != "invite"
        open_window = self.content(room, "m.room.history_visibility").get("history_visibility") == "world_readable"
        return len(self.members(room)) == 2 and not open_door and not open_window

    def level(self, room: str, user: str) -> int:
        """Somebody's power there."""
        create = self.state(room, "m.room.create") or {}
        content = self.content(room, "m.room.create")
        creators = {create.get("sender"), *cast("list[str]", content.get("additional_creators") or [])}
        if user in creators and _creators_rule(str(content.get("room_version", "1"))):
            return CREATOR
        powers = self.content(room, "m.room.power_levels")
        if not powers:
            return 100 if user in creators else 0
        return _number(powers.get("users", {}).get(user), _number(powers.get("users_default"), 0))

    def may(self, room: str, user: str, kind: str, *, state: bool = False) -> bool:
        """Whether somebody has the power to send events of this type."""
        powers = self.content(room, "m.room.power_levels")
        default = _number(powers.get("state_default"), 50 if powers else 0) if state else 0
        default = default if state else _number(powers.get("events_default"), 0)
        return self.level(room, user) >= _number(powers.get("events", {}).get(kind), default)

    def moderates(self, room: str, user: str) -> bool:
        """Whether somebody may take down what others say there."""
        return self.level(room, user) >= _number(self.content(room, "m.room.power_levels").get("redact"), 50)

    def check(self, room: str, me: str, kind: str) -> None:
        """Whether we can send there at all.

        Raises:
            SendRefused: we are not there, may not, or could not encrypt it as the room wants.
        """
        known = self._known(room)
        if known is None:
            raise SendRefused("I am not in that room any more.")
        if known.encrypted and self.content(room, "m.room.encryption").get("algorithm", MEGOLM) != MEGOLM:
            raise SendRefused("That room is encrypted in a way that I do not know.")
        real = "m.room.encrypted" if known.encrypted and kind == "m.room.message" else kind
        if not self.may(room, me, real):
            raise SendRefused("I do not have the power to write in that room.")

    def ignores(self, user: str) -> bool:
        """Nothing of this person is listened to: ignored by the account, or banned by a list that is obeyed."""
        return user in self._ignored or self.banned(user)

    def banned(self, user: str) -> bool:
        """Whether a ban list that is obeyed names this person or their server."""
        server = user.partition(":")[2]
        subjects = {"m.policy.rule.user": user, "m.policy.rule.server": server}
        for room in self._policies & self._state.keys():
            for (kind, _), event in self._state[room].items():
                rule = event.get("content", {})
                if (
                    kind in subjects
                    and rule.get("recommendation") in _BAN
                    and fnmatch.fnmatchcase(subjects[kind], str(rule.get("entity", "")))
                ):
                    return True
        return False


def _creators_rule(version: str) -> bool:
    return int(version) >= 12 if version.isdecimal() else version.startswith("org.matrix.hydra")


def _number(value: object, default: int) -> int:
    """Old rooms wrote numbers as text."""
    try:
        return int(cast("int | str", value)) if value is not None else default
    except (TypeError, ValueError):
        return default
