"""Every path of the API, as patterns that both a router and `str.format` understand.

What is ours alone stands under one prefix of its own, so that it can never collide with the public API.
"""

from __future__ import annotations

API = "/api/v2"
OURS = "/api/largesse/v1"

GENERATE_ASYNC = f"{API}/generate/async"
GENERATE_CHECK = f"{API}/generate/check/{{id}}"
GENERATE_STATUS = f"{API}/generate/status/{{id}}"
GENERATE_POP = f"{API}/generate/pop"
GENERATE_SUBMIT = f"{API}/generate/submit"
GENERATE_RATE = f"{API}/generate/rate/{{id}}"

FIND_USER = f"{API}/find_user"
USERS = f"{API}/users"
USER = f"{API}/users/{{id}}"
KUDOS_TRANSFER = f"{API}/kudos/transfer"
KUDOS_AWARD = f"{API}/kudos/award"

WORKERS = f"{API}/workers"
WORKER = f"{API}/workers/{{id}}"
WORKER_BY_NAME = f"{API}/workers/name/{{name}}"

HEARTBEAT = f"{API}/status/heartbeat"
PERFORMANCE = f"{API}/status/performance"
MODELS = f"{API}/status/models"
MODEL = f"{API}/status/models/{{name}}"
TERMS = f"{API}/documents/terms"
PRIVACY = f"{API}/documents/privacy"
SPONSORS = f"{API}/documents/sponsors"
NEWS = f"{API}/status/news"
MODES = f"{API}/status/modes"
STATS_IMG_TOTALS = f"{API}/stats/img/totals"
STATS_IMG_MODELS = f"{API}/stats/img/models"
STATS_TEXT_TOTALS = f"{API}/stats/text/totals"
STATS_TEXT_MODELS = f"{API}/stats/text/models"

TEAMS = f"{API}/teams"
TEAM = f"{API}/teams/{{id}}"
WORKER_MESSAGES = f"{API}/workers/messages"
WORKER_MESSAGE = f"{API}/workers/messages/{{id}}"
SHARED_KEYS = f"{API}/sharedkeys"
SHARED_KEY = f"{API}/sharedkeys/{{id}}"
FILTERS = f"{API}/filters"
FILTER_REGEX = f"{API}/filters/regex"
FILTER = f"{API}/filters/{{id}}"
TIMEOUTS = f"{API}/operations/ipaddr"
TIMEOUTS_OF = f"{API}/operations/ipaddr/{{ipaddr}}"
BLOCK_WORKER = f"{API}/operations/block_worker_ipaddr/{{id}}"

SWAGGER = "/api/swagger.json"
SERVICE_INFO = "/.well-known/serviceinfo"

OURS_HEALTH = f"{OURS}/health"
OURS_PROGRESS = f"{OURS}/generate/progress"
OURS_WEBHOOK_SECRET = f"{OURS}/webhook-secret"
OURS_USERS = f"{OURS}/users"
OURS_KEYS = f"{OURS}/keys"
OURS_KEY = f"{OURS}/keys/{{id}}"
OURS_EVENTS = f"{OURS}/generate/events/{{id}}"

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Header: the same key with the same account means the same request (kudos/transfer; ours: generate/async too)."""
