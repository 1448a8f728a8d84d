"""The endpoints for moderators; `routes` puts them behind the others."""

from __future__ import annotations

from collections.abc import Sequence

from core.contract import paths
from core.contract.keys import Done
from core.contract.operations import (
    FilterDetails,
    FilterRegex,
    FilterUpdate,
    IpTimeout,
    NewFilter,
    NewTimeout,
    PromptSuspicion,
    PromptToTest,
    TimeoutToEnd,
    WorkerTimeout,
)
from core.coordinator.api import filters, operations
from core.coordinator.api.endpoint import Endpoint, Key

_REFUSED = {401: "The key does not belong to an account.", 403: "Only moderators may do that."}
_TYPE = {"filter_type": "10 to 19 = first group, 20 to 29 = second group."}

OPERATIONS: Sequence[Endpoint] = (
    Endpoint(
        "GET", paths.FILTERS, filters.listed, "Filters that moderators added", "Moderation", Key.REQUIRED,
        answer=FilterDetails, many=True, also=_REFUSED, query={**_TYPE, "contains": "Text in the pattern."},
    ),
    Endpoint(
        "PUT", paths.FILTERS, filters.add, "Add a filter", "Moderation", Key.REQUIRED, body=NewFilter,
        answer=FilterDetails, status=201, also=_REFUSED,
    ),
    Endpoint(
        "POST", paths.FILTERS, filters.test, "What do the filters find in a prompt?", "Moderation", Key.REQUIRED,
        body=PromptToTest, answer=PromptSuspicion, also=_REFUSED,
    ),
    Endpoint(
        "GET", paths.FILTER_REGEX, filters.regexes, "All patterns of each type in one", "Moderation", Key.REQUIRED,
        answer=FilterRegex, many=True, also=_REFUSED, query=_TYPE,
    ),
    Endpoint(
        "GET", paths.FILTER, filters.one, "One filter", "Moderation", Key.REQUIRED, answer=FilterDetails,
        also=_REFUSED,
    ),
    Endpoint(
        "PATCH", paths.FILTER, filters.change, "Change a filter", "Moderation", Key.REQUIRED, body=FilterUpdate,
        answer=FilterDetails, also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.FILTER, filters.remove, "Remove a filter", "Moderation", Key.REQUIRED, answer=Done,
        also=_REFUSED,
    ),
    Endpoint(
        "GET", paths.TIMEOUTS, operations.timeouts, "Networks from which nothing is taken", "Moderation",
        Key.REQUIRED, answer=IpTimeout, many=True, also=_REFUSED,
    ),
    Endpoint(
        "POST", paths.TIMEOUTS, operations.block, "Take nothing from a network", "Moderation", Key.REQUIRED,
        body=NewTimeout, answer=Done, also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.TIMEOUTS, operations.unblock, "Take from it again", "Moderation", Key.REQUIRED,
        body=TimeoutToEnd, answer=Done, also=_REFUSED,
    ),
    Endpoint(
        "GET", paths.TIMEOUTS_OF, operations.timeouts_of, "The blocks of an address", "Moderation", Key.REQUIRED,
        answer=IpTimeout, many=True, also=_REFUSED,
    ),
    Endpoint(
        "PUT", paths.BLOCK_WORKER, operations.block_worker, "Take nothing from a worker's address", "Moderation",
        Key.REQUIRED, body=WorkerTimeout, answer=Done, also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.BLOCK_WORKER, operations.unblock_worker, "Take from it again", "Moderation", Key.REQUIRED,
        answer=Done, also=_REFUSED,
    ),
)  # fmt: skip
