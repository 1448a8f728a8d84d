"""The endpoints about teams and messages to workers; before those of single workers, whose pattern they would fit."""

from __future__ import annotations

from collections.abc import Sequence

from core.contract import paths
from core.contract.keys import Done
from core.contract.teams import Message, NewMessage, NewTeam, TeamChanged, TeamDeleted, TeamDetails, TeamUpdate
from core.coordinator.api import teams
from core.coordinator.api.endpoint import Endpoint, Key
from core.coordinator.rates import Rule

_REFUSED = {401: "The key does not belong to an account.", 403: "This key may not do that."}
_SOMETIMES = (Rule("30/minute"),)

TEAMS: Sequence[Endpoint] = (
    Endpoint(
        "GET", paths.WORKER_MESSAGES, teams.written, "Messages that you wrote to workers", "Workers", Key.REQUIRED,
        answer=Message, many=True, also=_REFUSED,
        query={
            "user_id": "Whose; for moderators.",
            "worker_id": "To which worker.",
            "validity": "`active` (the default), `expired` or `all`.",
            "page": "1, 2, …",
        },
    ),
    Endpoint(
        "POST", paths.WORKER_MESSAGES, teams.write, "Write to whoever runs a worker", "Workers", Key.REQUIRED,
        body=NewMessage, answer=Message, also=_REFUSED,
    ),
    Endpoint("GET", paths.WORKER_MESSAGE, teams.message, "One message", "Workers", answer=Message),
    Endpoint(
        "DELETE", paths.WORKER_MESSAGE, teams.take_back, "Take a message back", "Workers", Key.REQUIRED, answer=Done,
        also=_REFUSED,
    ),
    Endpoint("GET", paths.TEAMS, teams.listed, "Teams of workers", "Workers", answer=TeamDetails, many=True),
    Endpoint(
        "POST", paths.TEAMS, teams.make, "Make a team", "Workers", Key.REQUIRED, body=NewTeam, answer=TeamChanged,
        rates=_SOMETIMES, also=_REFUSED,
    ),
    Endpoint("GET", paths.TEAM, teams.one, "One team", "Workers", answer=TeamDetails, rates=_SOMETIMES),
    Endpoint(
        "PATCH", paths.TEAM, teams.change, "Change a team", "Workers", Key.REQUIRED, body=TeamUpdate,
        answer=TeamChanged, rates=_SOMETIMES, also=_REFUSED,
    ),
    Endpoint(
        "DELETE", paths.TEAM, teams.delete, "Forget a team", "Workers", Key.REQUIRED, answer=TeamDeleted,
        rates=_SOMETIMES, also=_REFUSED,
    ),
)  # fmt: skip
