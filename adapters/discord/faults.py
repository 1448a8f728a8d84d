"""What goes wrong with Discord → the chat's errors, and the count of refused requests that must stay small."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import SimpleNamespace

import aiohttp
import discord

from core.chat.port import SendFailed, SendRefused
from core.errors import ConfigError, LargesseError

WINDOW, MOST_REFUSED = 600.0, 5_000
"""Seconds, and answers 401, 403 and 429 in them; Discord locks an address out for an hour at 10,000."""
TOO_LARGE = 413
GONE = {10008, 10015, 10062, 50027}
"""Codes for a message, webhook, interaction or token that is not there any more."""
ANSWERED = 40060
"""Code for an interaction that was answered already: the answer to our first try got lost."""
LOGIN_REFUSED = (
    "discord.token: Discord does not accept it. Open https://discord.com/developers/applications, choose your "
    "application, Bot, Reset Token, and put the new one into the settings."
)
INTENTS_REFUSED = (
    "Discord refuses an intent (close code 4014). Open https://discord.com/developers/applications, choose your "
    "application, Bot, and look below Privileged Gateway Intents; Largesse itself needs none of them."
)


class Budget:
    """Counts refused requests; `too_many` holds us back long before Discord does."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused: deque[float] = deque(maxlen=MOST_REFUSED)

    def trace(self) -> aiohttp.TraceConfig:
        """To be given to discord.py: sees every answer, those that it handles itself, too."""
        config = aiohttp.TraceConfig()
        config.on_request_end.append(self._ended)
        return config

    async def _ended(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        if ended.response.status in {401, 403, 429}:
            self._refused.append(self._clock())

    @property
    def too_many(self) -> bool:
        """Whether nothing more should be sent for now."""
        full = len(self._refused) == MOST_REFUSED
        return full and self._clock() - self._refused[0] < WINDOW


@contextmanager
def speaking() -> Generator[None]:
    """Turns discord.py's errors while sending into SendFailed and SendRefused."""
    try:
        yield
    except discord.RateLimited as error:
        raise SendFailed("Discord asks for a pause.", retry_after=error.retry_after) from error
    except discord.HTTPException as error:
        raise told(error) from error
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise SendFailed(f"Discord cannot be reached: {type(error).__name__}.") from error


def told(error: discord.HTTPException) -> SendFailed | SendRefused:
    """One answer of Discord that is no success."""
    if error.status == 429:
        wait = error.response.headers.get("Retry-After", "")
        return SendFailed("Discord asks for a pause.", retry_after=float(wait) if wait.isdecimal() else 1.0)
    if error.status >= 500:
        return SendFailed(f"Discord has trouble of its own ({error.status}).")
    return SendRefused(f"Discord does not take it: {error.text or error.status}.")


@contextmanager
def connecting() -> Generator[None]:
    """Turns what ends a connection into a sentence that says what to do."""
    try:
        yield
    except discord.LoginFailure as error:
        raise ConfigError(LOGIN_REFUSED) from error
    except discord.PrivilegedIntentsRequired as error:
        raise ConfigError(INTENTS_REFUSED) from error
    except discord.ConnectionClosed as error:
        if error.code == 4004:
            raise ConfigError(LOGIN_REFUSED) from error
        if error.code == 4014:
            raise ConfigError(INTENTS_REFUSED) from error
        raise LargesseError(f"Discord closed the connection (code {error.code}).") from error
    except AttributeError as error:  # discord.py 2.7 trips over a gateway that is away at the first connection
        raise LargesseError("Discord's gateway cannot be reached.") from error
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
        raise LargesseError(f"Discord cannot be reached: {error or type(error).__name__}.") from error
