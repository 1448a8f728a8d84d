"""What people, moderators and admins change about an account, and how an account ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.contract.people import UserUpdate
from core.coordinator.rules import accounts, ledger, rewards
from core.coordinator.rules.fleet import Fleet
from core.coordinator.rules.values import User
from core.coordinator.store import accounts as store
from core.coordinator.store import keys as key_store
from core.coordinator.store import workers as worker_store
from core.db import Writing
from core.errors import InvalidRequest, LargesseError, NotAllowed, NotFound

ADMINS = frozenset({"kudos", "monthly_kudos", "moderator"})
MODERATORS = frozenset(
    {
        "concurrency", "worker_invited", "trusted", "flagged", "customizer", "vpn", "service", "education", "special",
        "reset_suspicion", "admin_comment",
    }
)  # fmt: skip
OWNERS = frozenset({"public_workers", "username", "contact", "generate_proxy_passkey", "undelete"})
DEEDS = frozenset({"generate_proxy_passkey", "undelete", "reset_suspicion"})
"""What is done where it is said, and nothing where it is false."""
EDUCATION_CONCURRENCY, CONCURRENCY = 200, 30
WIPED_AFTER = 30 * 86400.0
"""Seconds for which a deleted account can be had back."""
_RENAMED = {"username": "name", "monthly_kudos": "monthly"}


def update(tx: Writing, user_id: int, *, by: User, wanted: UserUpdate, passkey_hash: str, now: float) -> dict[str, Any]:
    """Change an account.

    Args:
        tx: the transaction.
        user_id: the account.
        by: who wants it.
        wanted: what is set is changed.
        passkey_hash: of the passkey that is given where one is wanted.
        now: the time.

    Returns:
        What was changed, by the field names of the contract's UserUpdated.

    Raises:
        NotFound: there is no such account.
        NotAllowed: that is for admins, moderators, or the account itself.
        InvalidRequest: nothing to change was named, or it cannot be.
    """
    user = accounts.get(tx, user_id)
    if user is None:
        raise NotFound("No user of that id.", code="UserNotFound")
    fields = wanted.model_dump(exclude_none=True)
    idle = {name for name in DEEDS if not fields.get(name)}
    chosen = (ADMINS | MODERATORS | OWNERS) & wanted.model_fields_set & fields.keys() - idle
    _refuse(user, by, chosen, fields)
    if "kudos" in chosen:
        accounts.grant(tx, user_id=user_id, kudos=fields["kudos"], key=f"by:{by.id}:{ledger.fresh_key()}", now=now)
    if fields.get("trusted") and not user.trusted:
        rewards.trust(tx, user_id, now)
    columns = _columns(fields, chosen, passkey_hash)
    if columns:
        accounts.change(tx, user_id, **columns)
    tx.after_commit(tx.local(Fleet).changed)  # what an account is counts for its workers
    changed = accounts.get(tx, user_id) or user
    return _changed(tx, changed, chosen, fields)


def _refuse(user: User, by: User, chosen: frozenset[str], fields: Mapping[str, Any]) -> None:
    mine = by.id == user.id and not by.anonymous
    moderates = by.moderator or by.admin
    reasons: tuple[tuple[bool, LargesseError], ...] = (
        (not chosen, InvalidRequest("Name something to change.", code="NoUserModSelected")),
        (bool(chosen & ADMINS) and not by.admin, NotAllowed("That is for admins.", code="NotAdmin")),
        (bool(chosen & MODERATORS) and not moderates, NotAllowed("That is for moderators.", code="NotModerator")),
        (not (mine or moderates), NotAllowed("That is for moderators and the account itself.", code="NotModerator")),
        (user.anonymous, NotAllowed("The anonymous account stays as it is.", code="AnonForbiddenUserMod")),
        (
            "generate_proxy_passkey" in chosen and not user.service,
            NotAllowed("Only service accounts speak for others.", code="NonServiceForbidden"),
        ),
        (
            bool(fields.get("undelete")) and not user.deleted,
            InvalidRequest("This account is not deleted.", code="UserNotDeleted"),
        ),
        (
            user.deleted and mine and not moderates and bool(chosen - {"undelete"}),
            NotAllowed("This account is deleted.", code="DeletedUser"),
        ),
    )
    for against, error in reasons:
        if against:
            raise error


def _columns(fields: Mapping[str, Any], chosen: frozenset[str], passkey_hash: str) -> dict[str, Any]:
    """The columns to set."""
    plain = chosen - {"kudos", "undelete", "generate_proxy_passkey", "reset_suspicion", "trusted"}
    columns = {_RENAMED.get(name, name): fields[name] for name in plain}
    if "name" in columns:
        columns["name"] = accounts.clean_name(columns["name"])
    if fields.get("trusted") is False:
        columns["trusted"] = False
    if "education" in columns:
        columns["concurrency"] = EDUCATION_CONCURRENCY if fields["education"] else CONCURRENCY
    if fields.get("reset_suspicion"):
        columns["suspicion"] = 0
    if fields.get("generate_proxy_passkey"):
        columns["passkey"] = passkey_hash
    if fields.get("undelete"):
        columns |= {"deleted": False, "deleted_at": None}
    return columns


def _changed(tx: Writing, user: User, chosen: frozenset[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {name: fields[name] for name in chosen - {"kudos", "undelete", "generate_proxy_passkey"}}
    if "kudos" in chosen:
        told["new_kudos"] = ledger.kudos(ledger.balance(tx, user.id))
    if "username" in chosen:
        told["username"] = user.unique_name
    if "undelete" in chosen:
        told["undeleted"] = not user.deleted
    if "reset_suspicion" in told:
        del told["reset_suspicion"]
        told["new_suspicion"] = user.suspicion
    return told


def delete(tx: Writing, user_id: int, *, by: User, now: float) -> bool:
    """End an account: at first nobody can use it; asked again after 30 days, nothing in it says whose it was.

    Its kudos stay in the ledger, which is never rewritten.

    Returns:
        Whether it was wiped now.

    Raises:
        NotFound: there is no such account.
        NotAllowed: it is somebody else's, a moderator's, everybody's, or was used a short while ago.
    """
    user = accounts.get(tx, user_id)
    if user is None:
        raise NotFound("No user of that id.", code="UserNotFound")
    _refuse_end(user, by)
    if not user.deleted:
        store.change(tx, user_id, {"deleted": True, "deleted_at": now})
        return False
    since = store.deleted_at(tx, user_id)
    if since is None or now - since < WIPED_AFTER:
        raise NotAllowed("A deleted account is kept for 30 days.", code="CannotWipeActiveUser")
    store.change(tx, user_id, {"name": "deleted", "contact": "", "admin_comment": "", "passkey": None})
    key_store.revoke_all(tx, user_id=user_id, now=now)
    for worker in worker_store.owned(tx, user_id):
        worker_store.change(tx, worker, {"maintenance": True, "info": "", "ip": "", "maintenance_msg": ""})
    return True


def _refuse_end(user: User, by: User) -> None:
    if user.anonymous or by.anonymous:
        raise NotAllowed("The anonymous account stays as it is.", code="AnonForbiddenUser")
    if user.moderator or user.admin:
        raise NotAllowed("A moderator's account cannot be deleted.", code="CannotDeleteMod")
    if by.id != user.id and not (by.moderator or by.admin):
        raise NotAllowed("That is for moderators and the account itself.", code="NotUserOrMod")
