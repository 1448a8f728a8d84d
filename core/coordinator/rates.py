"""How often an address or a key may ask: fixed windows, AI Horde's figures, counted where `counters` says.

The middleware asks `Rates.hit` before each handler; `api.routes` declares what differs from the default.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from limits import RateLimitItem, parse

from core.coordinator.counters import Counters
from core.coordinator.keys import ANONYMOUS

if TYPE_CHECKING:
    from limits.util import WindowStats

_FRIEND_SECONDS = 86_400.0
_MOST_FRIENDS = 10_000


class Scope(StrEnum):
    """What is counted together."""

    ADDRESS = "address"  # all calls of one address to one endpoint
    PATH = "path"  # all calls of one address to one path, so to one request id
    KEY = "key"  # all calls with one API key, wherever from
    ANONYMOUS = "anonymous"  # all calls with the anonymous key


class Whom(StrEnum):
    """Whose calls a rule is for."""

    ALL = "all"  # everybody's
    STRANGERS = "strangers"  # addresses nobody vouches for
    FRIENDS = "friends"  # addresses from which a trusted, service or education account came within a day


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit, like `Rule("90/minute")`."""

    text: str
    scope: Scope = Scope.ADDRESS
    whom: Whom = Whom.ALL
    item: RateLimitItem = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", parse(self.text))


DEFAULT = (Rule("90/minute"),)
GENERATE = (
    Rule("90/minute", Scope.PATH, Whom.STRANGERS),
    Rule("2/second", Scope.PATH, Whom.STRANGERS),
    Rule("2/second", Scope.KEY, Whom.STRANGERS),
    Rule("300/minute", Scope.PATH, Whom.FRIENDS),
    Rule("10/second", Scope.PATH, Whom.FRIENDS),
    Rule("60/second", Scope.KEY, Whom.FRIENDS),
    Rule("60/second", Scope.ANONYMOUS),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one call."""

    headers: Mapping[str, str]
    """`X-RateLimit-*` and `Retry-After` of the tightest rule; empty where nothing limits."""
    refused: str | None = None
    """The limit that was hit, in the words clients know: "2 per 1 second"."""


_FREE = Verdict(headers={})
_WRONG_KEYS = Rule("30/minute")
"""Keys that are nobody's, from one address: whoever mistypes one is far below it, whoever guesses is not."""


class Rates:
    """The limits, and who may do more than strangers."""

    def __init__(self, *, enabled: bool, counters: Counters | None = None) -> None:
        """enabled: False lets everything through, for load tests; counters: None = of this process alone."""
        self._enabled = enabled
        self._counters = counters or Counters()
        self._rules: dict[str, Sequence[Rule]] = {}
        self._friends: dict[str, float] = {}
        self._guessers: dict[str, float] = {}

    def declare(self, endpoint: str, rules: Sequence[Rule]) -> None:
        """Say what holds for one endpoint (`METHOD /path/{pattern}`); the default is 90 a minute."""
        self._rules[endpoint] = rules

    def befriend(self, address: str) -> None:
        """An account that the horde trusts came from there: strangers' limits do not hold for a day."""
        now = time.monotonic()
        if len(self._friends) >= _MOST_FRIENDS:
            self._friends = {place: until for place, until in self._friends.items() if until > now}
        self._friends[neighbourhood(address)] = now + _FRIEND_SECONDS

    def is_friend(self, address: str) -> bool:
        """Whether an account that the horde trusts came from there within a day."""
        return self._friends.get(neighbourhood(address), 0.0) > time.monotonic()

    async def hit(self, endpoint: str, *, path: str, address: str, key: str) -> Verdict:
        """Count one call and say whether it may go on."""
        if not self._enabled:
            return _FREE
        place = neighbourhood(address)
        if key and place in self._guessers and (guessed := await self._guessed_too_often(place)) is not None:
            return guessed
        friend = self.is_friend(address)
        tightest: tuple[float, RateLimitItem, WindowStats] | None = None
        for rule in self._rules.get(endpoint, DEFAULT):
            names = _names(rule, endpoint, path, place, key)
            if names is None or rule.whom is (Whom.STRANGERS if friend else Whom.FRIENDS):
                continue
            allowed, stats = await self._counters.count(rule.item, *names)
            if not allowed:
                return Verdict(headers=_headers(rule.item, stats), refused=str(rule.item))
            share = stats.remaining / rule.item.amount
            if tightest is None or share < tightest[0]:
                tightest = (share, rule.item, stats)
        return _FREE if tightest is None else Verdict(headers=_headers(tightest[1], tightest[2]))

    async def wrong_key(self, address: str) -> None:
        """A key that is nobody's came from there; after too many, keys from there are not looked at for a minute."""
        if not self._enabled:
            return
        now = time.monotonic()
        if len(self._guessers) >= _MOST_FRIENDS:
            self._guessers = {place: until for place, until in self._guessers.items() if until > now}
        place = neighbourhood(address)
        self._guessers[place] = now + _WRONG_KEYS.item.get_expiry()
        await self._counters.count(_WRONG_KEYS.item, "wrong key", place)

    async def _guessed_too_often(self, place: str) -> Verdict | None:
        stats = await self._counters.look(_WRONG_KEYS.item, "wrong key", place)
        if stats.remaining > 0:
            return None
        return Verdict(headers=_headers(_WRONG_KEYS.item, stats), refused=str(_WRONG_KEYS.item))

    async def close(self) -> None:
        """Let go of the counters."""
        await self._counters.close()


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one (a household owns a whole /64)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def _names(rule: Rule, endpoint: str, path: str, place: str, key: str) -> tuple[str, ...] | None:
    """The counter that a call belongs to; None where the rule does not concern it."""
    if rule.scope is Scope.ADDRESS:
        return (endpoint, place)
    if rule.scope is Scope.PATH:
        return (endpoint, path, place)
    anonymous = key == ANONYMOUS
    if not key or anonymous is not (rule.scope is Scope.ANONYMOUS):
        return None
    return (endpoint, "key", hashlib.sha256(key.encode()).hexdigest())  # counters may lie on another machine


def _headers(item: RateLimitItem, stats: WindowStats) -> dict[str, str]:
    wait = max(0, math.ceil(stats.reset_time - time.time()))
    return {
        "X-RateLimit-Limit": str(item.amount),
        "X-RateLimit-Remaining": str(max(0, stats.remaining)),
        "X-RateLimit-Reset": str(math.ceil(stats.reset_time)),
        "Retry-After": str(wait),
    }
