"""The rules of communities: statements for `memory.Store`, which keeps them as the JSON it is given."""

from __future__ import annotations

from core.db import Reading, Statement, Writing

_FIND = Statement("SELECT rules FROM places WHERE platform = :platform AND id = :id")
_KEEP = Statement(
    "INSERT INTO places (platform, id, rules, changed_by, changed) VALUES (:platform, :id, :rules, :person, :now)"
    " ON CONFLICT (platform, id) DO UPDATE SET"
    " rules = excluded.rules, changed_by = excluded.changed_by, changed = excluded.changed"
)


def find(tx: Reading, values: dict[str, object]) -> str | None:
    """The rules of a community; None = it never made any."""
    row = tx.one(_FIND, values)
    return str(row[0]) if row else None


def keep(tx: Writing, values: dict[str, object]) -> None:
    """Write rules down in place of the former ones."""
    tx.run(_KEEP, values)
