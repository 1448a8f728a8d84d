"""How the worker's waiting is measured out; one value that pool, agent and their parts share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between things.

    Attributes:
        long_poll: how long a pop may wait on the coordinator's side.
        idle: pause after an empty pop that came back at once (a horde without long poll).
        retry_first: first pause after a failure; doubles up to `retry_most`, with jitter.
        retry_most: longest pause after a failure.
        refused: pause after maintenance and other refusals that only a person can end; also the longest that a
            coordinator's Retry-After is obeyed.
        progress: least time between two progress reports.
        keep: how long a finished picture is offered to a coordinator that is away.
        drain: how long a stop waits for finished pictures to be taken.
        lookahead: how much work is fetched ahead of a device, in drawing time.
    """

    long_poll: float = 20.0
    idle: float = 1.5
    retry_first: float = 0.5
    retry_most: float = 10.0
    refused: float = 60.0
    progress: float = 0.34
    keep: float = 6 * 3600.0
    drain: float = 60.0
    lookahead: float = 20.0
