"""From which address a call really comes: the peer's own, or what a proxy that the settings trust says of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from core.errors import ConfigError


class Peers:
    """The proxies whose word counts."""

    def __init__(self, trusted: Sequence[str]) -> None:
        """trusted: addresses and networks.

        Raises:
            ConfigError: one of them is neither.
        """
        try:
            self._trusted = [ipaddress.ip_network(one, strict=False) for one in trusted]
        except ValueError as error:
            raise ConfigError(f"coordinator.trusted_proxies: {error}.") from None

    def trusts(self, address: str) -> bool:
        """Is it one of them?"""
        parsed = parse(address)
        return parsed is not None and any(parsed in network for network in self._trusted)

    def origin(self, peer: str, forwarded: Sequence[str]) -> str:
        """The address behind a peer: the last one in `X-Forwarded-For` that no trusted proxy has.

        Everything before it was written by strangers, who may write anything. Where the peer is no trusted proxy, or
        the header makes no sense, it is the peer itself.
        """
        address = peer
        for hop in reversed([part.strip() for line in forwarded for part in line.split(",")]):
            if not self.trusts(address) or parse(hop) is None:
                break
            address = hop
        return address


def parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, None for anything else."""
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
