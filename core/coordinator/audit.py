"""`run_bot.py coordinator audit`: proves the kudos ledger of the bundled coordinator, running or not.

Reads the database as the coordinator does and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from core.coordinator.app import open_database
from core.coordinator.rules import ledger
from core.settings import Settings


async def audit(settings: Settings, tell: Callable[[str], None]) -> int:
    """Tell whether the whole ledger sums to zero and every balance is the sum of its postings; the exit status.

    Raises:
        ConfigError: the database cannot be opened.
    """
    database = await open_database(settings)
    try:
        found = await database.read(ledger.audit)
    finally:
        await database.close()
    for name, number in asdict(found).items():
        tell(f"{name.replace('_', ' ')}: {number}")
    tell("The ledger is right." if found.ok else "The ledger is WRONG: every number above should be 0.")
    return 0 if found.ok else 1
