"""The endpoints about accounts and their keys; `routes` puts them between the others."""

from __future__ import annotations

from collections.abc import Sequence

from core.contract import paths
from core.contract.keys import (
    Done,
    KeyDetails,
    KeyMade,
    KeyWanted,
    Registered,
    Registration,
    SharedKeyDetails,
    SharedKeyInput,
)
from core.contract.people import UserUpdate, UserUpdated
from core.coordinator.api import keys, members, shared_keys
from core.coordinator.api.endpoint import Endpoint, Key
from core.coordinator.rates import Rule, Whom

_NOBODY = "The key does not belong to an account."
_NOT_YOURS = "This key may not do that."
_REFUSED = {401: _NOBODY, 403: _NOT_YOURS}
_SOMETIMES = (Rule("30/minute"),)

ACCOUNTS: Sequence[Endpoint] = (
    Endpoint(
        "POST", paths.OURS_USERS, members.register, "Make an account", "People", Key.OPTIONAL, body=Registration,
        answer=Registered, status=201, also=_REFUSED,
        rates=(Rule("5/hour", whom=Whom.STRANGERS), Rule("60/minute", whom=Whom.FRIENDS)),
    ),
    Endpoint(
        "PUT", paths.USER, members.change, "Change an account", "People", Key.REQUIRED, body=UserUpdate,
        answer=UserUpdated, rates=(Rule("60/minute"),), also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.USER, members.delete, "Delete an account", "People", Key.REQUIRED, answer=Done,
        rates=(Rule("60/minute"),), also=_REFUSED,
    ),
    Endpoint(
        "GET", paths.OURS_KEYS, keys.listed, "The keys of your account", "People", Key.REQUIRED, answer=KeyDetails,
        many=True, rates=_SOMETIMES, also=_REFUSED,
    ),
    Endpoint(
        "POST", paths.OURS_KEYS, keys.make, "Have one more key", "People", Key.REQUIRED, body=KeyWanted,
        answer=KeyMade, status=201, rates=_SOMETIMES, also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.OURS_KEY, keys.revoke, "Make a key worthless", "People", Key.REQUIRED, answer=Done,
        rates=_SOMETIMES, also=_REFUSED,
    ),
    Endpoint(
        "PUT", paths.SHARED_KEYS, shared_keys.make, "Share a key", "People", Key.REQUIRED, body=SharedKeyInput,
        answer=SharedKeyDetails, rates=(Rule("5/minute"),), also=_REFUSED,
    ),
    Endpoint(
        "GET", paths.SHARED_KEY, shared_keys.one, "What is left of a shared key", "People", answer=SharedKeyDetails,
        also={401: "There is no such key."},
    ),
    Endpoint(
        "PATCH", paths.SHARED_KEY, shared_keys.change, "Change a shared key", "People", Key.REQUIRED,
        body=SharedKeyInput, answer=SharedKeyDetails, rates=_SOMETIMES, also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.SHARED_KEY, shared_keys.delete, "End a shared key", "People", Key.REQUIRED, answer=Done,
        rates=_SOMETIMES, also=_REFUSED,
    ),
)  # fmt: skip
