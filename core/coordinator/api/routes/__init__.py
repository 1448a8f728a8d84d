"""Every endpoint of the coordinator, in the order in which the document shows them; `app` adds them to the router."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from core.contract import paths
from core.contract.generate import AsyncResponse, CheckResponse, GenerateRequest, StatusResponse
from core.contract.names import KeyScope
from core.contract.people import KudosAward, KudosAwarded, KudosTransfer, KudosTransferred, UserDetails
from core.contract.status import (
    Heartbeat,
    HordeDocument,
    ImageTotals,
    ModelStatus,
    ModelTotals,
    Modes,
    ModesUpdate,
    News,
    Performance,
    TextTotals,
)
from core.contract.webhooks import WebhookSecret
from core.contract.work import (
    PopRequest,
    PopResponse,
    ProgressRequest,
    ProgressResponse,
    SubmitRequest,
    SubmitResponse,
)
from core.contract.workers import WorkerDeleted, WorkerDetails, WorkerUpdate, WorkerUpdated
from core.coordinator.api import documents, events, generate, health, people, pictures, status, webhooks, work, workers
from core.coordinator.api.call import adapt
from core.coordinator.api.endpoint import Endpoint, Key
from core.coordinator.api.routes.accounts import ACCOUNTS
from core.coordinator.api.routes.operations import OPERATIONS
from core.coordinator.api.routes.teams import TEAMS
from core.coordinator.blobs.disk import ROUTE as PICTURES
from core.coordinator.rates import GENERATE, Rates, Rule, Scope

BLOB = f"{PICTURES}{{key}}"
_WORK = (Rule("60/second"),)
_FREE: tuple[Rule, ...] = ()
_SIGNED = {"expires": "Unix time until which the address is valid.", "signature": "Made by the coordinator."}
_ONCE = {"Idempotency-Key": "Your own name for this call, up to 128 characters: repeating it changes nothing."}
_GONE = "The key does not belong to an account."
_NOT_YOURS = "This key may not do that."

ENDPOINTS: Sequence[Endpoint] = (
    Endpoint(
        "POST", paths.GENERATE_ASYNC, generate.accept, "Ask for pictures", "Pictures", Key.REQUIRED,
        body=GenerateRequest, answer=AsyncResponse, status=202, headers=_ONCE, rates=GENERATE, scope=KeyScope.GENERATE,
        also={200: "A dry run: the price alone, `{kudos}`.", 401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint(
        "GET", paths.GENERATE_CHECK, generate.check, "How far is a request?", "Pictures",
        answer=CheckResponse, rates=(Rule("10/second", Scope.PATH),),
    ),
    Endpoint(
        "GET", paths.OURS_EVENTS, events.follow, "Be told how far a request is", "Pictures", Key.OPTIONAL,
        media="text/event-stream", rates=(Rule("10/second", Scope.PATH),), also={401: _GONE},
    ),
    Endpoint(
        "GET", paths.GENERATE_STATUS, generate.status, "The finished pictures of a request", "Pictures",
        answer=StatusResponse, rates=(Rule("10/minute", Scope.PATH),),
    ),
    Endpoint(
        "DELETE", paths.GENERATE_STATUS, generate.cancel, "Give up a request", "Pictures",
        answer=StatusResponse, rates=(Rule("10/minute", Scope.PATH),),
    ),
    Endpoint(
        "POST", paths.GENERATE_POP, work.pop, "Ask for a job to draw", "Work", Key.REQUIRED,
        body=PopRequest, answer=PopResponse, rates=_WORK, scope=KeyScope.WORKER, also={401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint(
        "POST", paths.GENERATE_SUBMIT, work.submit, "Hand in a picture", "Work", Key.REQUIRED,
        body=SubmitRequest, answer=SubmitResponse, rates=_WORK, scope=KeyScope.WORKER,
        also={401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint(
        "POST", paths.OURS_PROGRESS, work.report, "Say how far a job is, learn whether it is still wanted", "Work",
        Key.REQUIRED, body=ProgressRequest, answer=ProgressResponse, rates=_WORK, scope=KeyScope.WORKER,
        also={401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint(
        "GET", BLOB, pictures.get, "A picture", "Work", query=_SIGNED, media="image/webp", rates=_WORK,
        also={206: "The range that was asked for.", 403: "The address was changed or has expired."},
    ),
    Endpoint(
        "PUT", BLOB, pictures.put, "Upload a picture", "Work", query=_SIGNED, media="", takes="image/webp",
        rates=_WORK,
        also={403: "The address was changed or has expired.", 413: "Too large.", 507: "The disk is full."},
    ),
    Endpoint(
        "GET", paths.FIND_USER, people.find_user, "The account of a key", "People", Key.REQUIRED,
        answer=UserDetails, also={401: _GONE},
    ),
    Endpoint(
        "GET", paths.USERS, people.users, "Accounts, 25 a page", "People", answer=UserDetails, many=True,
        query={"page": "1, 2, …", "sort": "`kudos` (the default) or `age`."},
    ),
    Endpoint(
        "GET", paths.USER, people.user, "One account", "People", Key.OPTIONAL, answer=UserDetails,
        rates=(Rule("60/minute"),), also={401: _GONE},
    ),
    Endpoint(
        "POST", paths.KUDOS_TRANSFER, people.transfer, "Give kudos to another account", "People", Key.REQUIRED,
        body=KudosTransfer, answer=KudosTransferred, headers=_ONCE, also={401: _GONE, 403: _NOT_YOURS},
        rates=(Rule("1/second", Scope.KEY), Rule("90/hour", Scope.KEY)),
    ),
    Endpoint(
        "POST", paths.KUDOS_AWARD, people.award, "Reward somebody", "People", Key.REQUIRED, body=KudosAward,
        answer=KudosAwarded, headers=_ONCE, also={401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint(
        "GET", paths.OURS_WEBHOOK_SECRET, webhooks.secret, "What signs the webhooks of this key", "People",
        Key.REQUIRED, answer=WebhookSecret, also={401: _GONE, 403: _NOT_YOURS}, rates=(Rule("30/minute"),),
    ),
    Endpoint(
        "POST", paths.OURS_WEBHOOK_SECRET, webhooks.rotate, "Have a new secret sign the webhooks", "People",
        Key.REQUIRED, answer=WebhookSecret, also={401: _GONE, 403: _NOT_YOURS}, rates=(Rule("30/minute"),),
    ),
    *ACCOUNTS,
    *TEAMS,
    Endpoint(
        "GET", paths.WORKERS, workers.listed, "Workers that are there", "Workers", Key.OPTIONAL,
        answer=WorkerDetails, many=True, also={401: _GONE},
        query={"type": "`image`, `text` or `interrogation`.", "name": "The whole name, in any case."},
    ),
    Endpoint(
        "GET", paths.WORKER_BY_NAME, workers.by_name, "One worker by its name", "Workers", Key.OPTIONAL,
        answer=WorkerDetails, rates=(Rule("30/minute"),), also={401: _GONE},
    ),
    Endpoint(
        "GET", paths.WORKER, workers.by_id, "One worker", "Workers", Key.OPTIONAL, answer=WorkerDetails,
        rates=(Rule("30/minute"),), also={401: _GONE},
    ),
    Endpoint(
        "PUT", paths.WORKER, workers.change, "Change a worker of yours", "Workers", Key.REQUIRED, body=WorkerUpdate,
        answer=WorkerUpdated, rates=(Rule("30/minute"),), scope=KeyScope.WORKER, also={401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint(
        "DELETE", paths.WORKER, workers.delete, "Forget a worker of yours", "Workers", Key.REQUIRED,
        answer=WorkerDeleted, rates=(Rule("30/minute"),), scope=KeyScope.WORKER,
        also={401: _GONE, 403: _NOT_YOURS, 423: "The worker still holds a job."},
    ),
    Endpoint(
        "GET", paths.HEARTBEAT, status.heartbeat, "Is the coordinator well?", "Status", answer=Heartbeat,
        rates=_FREE, also={503: "The database does not answer."},
    ),
    Endpoint("GET", paths.PERFORMANCE, status.performance, "What waits, who works", "Status", answer=Performance),
    Endpoint(
        "GET", paths.MODELS, status.models, "The models on offer", "Status", answer=ModelStatus, many=True,
        query={
            "type": "`image` (the default), `text` or `interrogation`.",
            "min_count": "Least workers' threads that offer it.",
            "max_count": "Most workers' threads that offer it.",
            "model_state": "`all`, `known` or `custom`.",
        },
    ),
    Endpoint("GET", paths.MODEL, status.model, "One model, or nothing", "Status", answer=ModelStatus, many=True),
    Endpoint(
        "GET", paths.MODES, status.modes, "How the horde is run now", "Status", Key.OPTIONAL, answer=Modes,
        rates=(Rule("30/minute"),), also={401: _GONE},
    ),
    Endpoint(
        "PUT", paths.MODES, status.change_modes, "Change how the horde is run", "Status", Key.REQUIRED,
        body=ModesUpdate, answer=Modes, rates=(Rule("30/minute"),), also={401: _GONE, 403: _NOT_YOURS},
    ),
    Endpoint("GET", paths.NEWS, status.news, "News", "Status", answer=News, many=True),
    *(
        Endpoint(
            "GET", path, documents.document(name), f"The {name} of this horde", "Status", answer=HordeDocument,
            query={"format": "`html` (the default) or `markdown`."},
        )
        for path, name in zip((paths.TERMS, paths.PRIVACY, paths.SPONSORS), documents.DOCUMENTS, strict=True)
    ),
    Endpoint("GET", paths.STATS_IMG_TOTALS, status.image_totals, "Pictures made", "Status", answer=ImageTotals),
    Endpoint(
        "GET", paths.STATS_IMG_MODELS, status.image_models, "Pictures made, by model", "Status", answer=ModelTotals,
        query={"model_state": "`known` (the default), `custom` or `all`."},
    ),
    Endpoint("GET", paths.STATS_TEXT_TOTALS, status.text_totals, "Texts made", "Status", answer=TextTotals),
    Endpoint("GET", paths.STATS_TEXT_MODELS, status.text_models, "Texts made, by model", "Status", answer=ModelTotals),
    *OPERATIONS,
    Endpoint("GET", paths.SERVICE_INFO, health.service_info, "Who this server is", "Server"),
    Endpoint("GET", health.HEALTH, health.health, "Does the process answer?", "Server", rates=_FREE),
    Endpoint(
        "GET", health.READY, health.ready, "May it be sent work?", "Server", rates=_FREE,
        also={503: "It is stopping, or the database does not answer."},
    ),
)  # fmt: skip


def add_routes(app: web.Application, rates: Rates) -> None:
    """Put every endpoint into the router and say how often it may be called."""
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{key}", "{key:.+}")
        methods = ("GET", "HEAD") if endpoint.method == "GET" else (endpoint.method,)
        for method in methods:
            route = app.router.add_route(method, path, adapt(endpoint.handle, endpoint.scopes))
            canonical = route.resource.canonical if route.resource is not None else path
            rates.declare(f"{method} {canonical}", endpoint.rates)
