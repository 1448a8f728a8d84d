"""Who is kept out for a while, and why: blocked networks, and offences that make the next one dearer.

An offence counts against whoever made it. The end user of a service is a subject of their own, so that one of them
costs neither the service nor the others anything; else it is the account, which becomes suspicious, and the address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import error as RegexError  # noqa: N812  # its name says nothing elsewhere
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.coordinator.rules.prompts import Filter, Lists, compiled
from core.coordinator.rules.values import User
from core.coordinator.store import protection as store
from core.db import Reading, Writing
from core.errors import ConfigError, InvalidRequest, NotAllowed, NotFound, TooMany

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FIRST_TIMEOUT = 180.0
"""Seconds: the first offence costs one of these, the second three, the third five, within a day."""
LONGEST_REGEX = 1000
LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Known:
    """What is in force, as one process knows it."""

    blocks: Mapping[Network, float] = field(default_factory=dict[Network, float])
    """Until when nothing is taken from each network."""
    subjects: Mapping[str, float] = field(default_factory=dict[str, float])
    """Until when nothing is taken from each subject."""
    lists: Lists = field(default_factory=Lists)

    def blocked_until(self, address: str, now: float) -> float | None:
        """Until when an address is blocked; None = it is not."""
        if not self.blocks:
            return None
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        ends = [until for network, until in self.blocks.items() if parsed in network and until > now]
        return max(ends, default=None)


def load(tx: Reading, written: Sequence[Filter], *, now: float) -> Known:
    """What is in force now; `written` are the filters of the file."""
    return Known(
        blocks={ipaddress.ip_network(network): until for network, until in store.blocks(tx, now)},
        subjects=dict(store.punished(tx, now)),
        lists=Lists((*written, *filters(tx))),
    )


def filters(tx: Reading) -> list[Filter]:
    """The filters that moderators added."""
    return [
        Filter(regex, int(kind), replacement, description, number, "" if name is None else f"{name}#{user}")
        for number, regex, kind, replacement, description, name, user in store.all_filters(tx)
    ]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: int = Field(ge=10, le=29)
    regex: str = Field(min_length=1, max_length=LONGEST_REGEX)
    replacement: str = ""
    description: str = ""


def read_file(file: Path) -> list[Filter]:
    """The filters of a file; one that is missing has none.

    Raises:
        ConfigError: it is wrong; names the file, the key, what was found and what is allowed.
    """
    try:
        tables: Any = tomllib.loads(file.read_text(encoding="utf-8")).get("filter", [])
        found = [_Written.model_validate(table) for table in tables]
        for one in found:
            compiled(one.regex)
    except FileNotFoundError:
        return []
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        key = ".".join(map(str, details["loc"])) or "filter"
        raise ConfigError(f"{file}: {key}: found {details['input']!r}; allowed: {details['msg']}.") from None
    except (OSError, ValueError, TypeError, RegexError) as error:
        raise ConfigError(f"{file}: the filters cannot be read ({error}).") from None
    return [Filter(one.regex, one.kind, one.replacement, one.description) for one in found]


def proxied(user: User, name: str) -> str:
    """The subject that an end user of a service is; the name itself is not needed to know them again."""
    return f"proxied:{user.id}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def offend(tx: Writing, *, user: User, end_user: str | None, network: str, prompt: str, matches: Sequence[str],
           now: float) -> None:  # fmt: skip
    """A corrupt prompt was refused: keep it, and let it cost whoever wrote it.

    Args:
        tx: the transaction.
        user: the account.
        end_user: whom a service spoke for.
        network: the address as a network; an IPv6 one as its /64.
        prompt: what was asked.
        matches: what of it matched.
        now: the time.
    """
    subject = proxied(user, end_user) if end_user is not None else f"address:{network}"
    kept = {"user_id": user.id, "subject": subject, "prompt": prompt[:7000], "matches": json.dumps(list(matches))}
    store.keep_refused(tx, {**kept, "now": now})
    if user.moderator or user.admin:
        return
    if user.service and end_user is None:  # its address is many people's
        store.suspect(tx, user.id)
        return
    times = store.offend(tx, subject, now)
    until = now + (2 * times - 1) * FIRST_TIMEOUT
    store.punish(tx, subject, until)
    if end_user is None:
        if (
            network and not ipaddress.ip_network(network).is_loopback
        ):  # this machine: the house itself, or a proxy for everybody
            store.prolong(tx, network, until=until, now=now)
        if not user.anonymous:
            store.suspect(tx, user.id)


def refuse_busy(tx: Reading, *, user: User, end_user: str, wanted: int, most: int) -> None:
    """One end user of a service may have so many pictures waiting, like anybody with an account.

    Raises:
        TooMany: they have; the service's other users go on.
    """
    waiting = store.waiting_of_proxied(tx, user.id, end_user)
    if waiting + wanted > most:
        raise TooMany(f"At most {most} pictures may wait at once, and {waiting} wait already.", code="TooManyPrompts")


def parse_network(text: str) -> str:
    """A network in its one spelling, an address being a network of its own.

    Raises:
        InvalidRequest: it is neither, or so wide that it is half the world.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise InvalidRequest(
            "An IP address or a network like 192.0.2.0/24 is needed here.", code="BadRequest"
        ) from None
    if network.prefixlen < (8 if network.version == 4 else 16):
        raise InvalidRequest("A network that wide is not blocked.", code="BadRequest")
    return str(network)


def moderates(user: User) -> User:
    """The account itself; raises NotAllowed where it is no moderator's."""
    if not (user.moderator or user.admin):
        raise NotAllowed("Only moderators may do that.", code="NotModerator")
    return user


def no_filter() -> NotFound:
    """There is no such filter."""
    return NotFound("There is no such filter.", code="FilterNotFound")
