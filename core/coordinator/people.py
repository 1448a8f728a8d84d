"""`run_bot.py coordinator user add`: makes an account of the bundled coordinator, running or not, and tells its key.

The only way to the first admin. The key is shown once; the database knows its hash alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from core.coordinator.app import open_database
from core.coordinator.keys import hash_key, load_secret, new_key
from core.coordinator.rules import accounts
from core.settings import Settings


async def add_user(
    settings: Settings,
    name: str,
    *,
    tell: Callable[[str], None],
    kudos: float = 0.0,
    trusted: bool = False,
    moderator: bool = False,
    admin: bool = False,
    service: bool = False,
) -> int:
    """Make an account, tell its name and its key; the exit status.

    Raises:
        ConfigError: the database cannot be opened.
        InvalidRequest: the name is empty, longer than 30 characters, or holds a `#` or something that is no letter.
    """
    name = accounts.clean_name(name)
    secret, key = load_secret(settings.general.data_dir, settings.coordinator.secret), new_key()
    database = await open_database(settings)
    try:
        user = await database.write(
            lambda tx: accounts.create(
                tx,
                name=name,
                key_hash=hash_key(secret, key),
                now=time.time(),
                trusted=trusted,
                moderator=moderator,
                admin=admin,
                service=service,
                kudos=kudos,
                concurrency=settings.coordinator.limits.concurrency,
            )
        )
    finally:
        await database.close()
    tell(f"name: {user.unique_name}")
    tell(f"key: {key}")
    tell("The key is shown only now: keep it.")
    return 0
