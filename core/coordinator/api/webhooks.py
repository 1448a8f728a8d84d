"""The secret that signs webhooks (ours): read and renewed by whoever holds the API key; rules: `webhooks`."""

from __future__ import annotations

from aiohttp import web

from core.contract.webhooks import WebhookSecret
from core.coordinator.api.call import Call
from core.coordinator.rules import webhooks


async def secret(call: Call) -> web.Response:
    """GET webhook-secret (ours): what signs the deliveries for requests that were made with this key."""
    await call.user()
    hashed = call.rooms.accounts.hashed(call.key())
    version = await call.rooms.database.read(lambda tx: webhooks.secret_version(tx, hashed))
    return call.reply(WebhookSecret(secret=call.rooms.accounts.webhook_secret(hashed, version)))


async def rotate(call: Call) -> web.Response:
    """POST webhook-secret (ours): a new secret, in force at once, also for deliveries that are tried again."""
    await call.user()
    hashed = call.rooms.accounts.hashed(call.key())
    version = await call.rooms.database.write(lambda tx: webhooks.next_secret(tx, hashed))
    return call.reply(WebhookSecret(secret=call.rooms.accounts.webhook_secret(hashed, version)))
