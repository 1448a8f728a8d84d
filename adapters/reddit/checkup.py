"""What the doctor says about Reddit: whether the key is taken, the account is seen, and the home subreddit can be used.

`platform.Reddit.examine` asks for it; it writes nothing and posts nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from adapters.reddit.access import Access
from adapters.reddit.guest import DAY, Guest
from core.chat.port import SendFailed, SendRefused
from core.findings import Finding, Health


async def findings(access: Access, guest: Guest, *, name: str, home: str) -> AsyncIterator[Finding]:
    """The findings, as they come.

    Args:
        access: the connection.
        guest: the manners, which know how to look from outside.
        name: the bot's name.
        home: its own subreddit.
    """
    about = f"reddit u/{name}"
    try:
        me = await access.get("api/v1/me")
    except (SendFailed, SendRefused) as error:
        yield Finding(Health.BAD, about, str(error))
        return
    age = (time.time() - float(me.get("created_utc") or 0.0)) / DAY
    young = " It is younger than a month, so it says little at first." if age < 30 else ""
    yield Finding(
        Health.NOTE if young else Health.GOOD, about, f"the key is taken; the account is {age:.0f} days old.{young}"
    )
    try:
        if await guest.is_shadowed(name):
            yield Finding(Health.BAD, about, "nobody else can see it: appeal at https://www.reddit.com/appeals.")
        await access.get(f"api/v1/{home}/post_requirements")
    except (SendFailed, SendRefused) as error:
        yield Finding(Health.BAD, f"reddit r/{home}", f"cannot be used for pictures: {error}")
    else:
        yield Finding(Health.GOOD, f"reddit r/{home}", "can be used for pictures.")
