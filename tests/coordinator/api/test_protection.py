"""What protects the horde, over HTTP: filters, timeouts that grow, blocks, services that speak for others, guessers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

FILTERS = "/api/v2/filters"
TIMEOUTS = "/api/v2/operations/ipaddr"
ASYNC = "/api/v2/generate/async"
STAND_INS = """
[[filter]]
kind = 10
regex = "gizmos?"
replacement = "gadget"

[[filter]]
kind = 20
regex = "dotted"
"""
CORRUPT = "a gizmo, dotted"
AFAR = {"X-Forwarded-For": "203.0.113.9"}


@pytest.fixture
def guarded(start: Any, tmp_path: Path) -> Any:
    """A coordinator with neutral stand-in words."""
    file = tmp_path / "prompts.toml"
    file.write_text(STAND_INS)
    return lambda **options: start(filter_file=file, **options)


async def ask(horde: Any, key: str, prompt: str, **fields: Any) -> Any:
    body = {"prompt": prompt, "models": ["little"], "params": {"width": 64, "height": 64, "steps": 4}, **fields}
    return await horde.post(ASYNC, body, key, headers=fields.pop("headers", {}))


async def test_a_corrupt_prompt_is_rewritten(guarded: Any) -> None:
    """By default the words are replaced, and the worker gets the prompt that may be drawn."""
    async with guarded() as horde:
        assert (await ask(horde, "0000000000", CORRUPT)).status == 202
        assert (await horde.pop())["payload"]["prompt"].startswith("a gadget, dotted ###")
        assert (await ask(horde, "0000000000", "a gizmo")).status == 202
        assert (await horde.pop())["payload"]["prompt"] == "a gizmo"


async def test_a_refused_prompt_costs_time(guarded: Any) -> None:
    """Without replacement it is refused; the address waits three minutes, then nine; the account becomes suspicious."""
    async with guarded(trusted_proxies=["127.0.0.1"]) as horde:
        me, key = await horde.account("Troll")
        _, moderator = await horde.account("Mod", moderator=True)
        first = await ask(horde, key, CORRUPT, replacement_filter=False, headers=AFAR)
        assert (first.status, first.json["rc"]) == (400, "CorruptPrompt")
        second = await ask(horde, key, "a red apple", headers=AFAR)
        assert (second.status, second.json["rc"]) == (403, "TimeoutIP")
        assert (await horde.get(f"/api/v2/users/{me}", moderator)).json["suspicious"] == 1
        blocks = (await horde.get(TIMEOUTS, moderator)).json
        assert [one["ipaddr"] for one in blocks] == ["203.0.113.9/32"]
        assert 170 < blocks[0]["seconds"] <= 180
        body = {"ipaddr": "203.0.113.9"}
        assert (await horde.call("DELETE", TIMEOUTS, moderator, json=body)).json == {"message": "OK"}
        assert (await ask(horde, key, CORRUPT, replacement_filter=False, headers=AFAR)).json["rc"] == "CorruptPrompt"
        assert 530 < (await horde.get(TIMEOUTS, moderator)).json[0]["seconds"] <= 540
        assert await horde.value("SELECT count(*) FROM refused_prompts") == 2
        pop = {"name": "Blocked", "models": ["little"], "bridge_agent": "a:1:b"}
        assert (await horde.post("/api/v2/generate/pop", pop, horde.worker_key, headers=AFAR)).json["rc"] == "TimeoutIP"
        check = f"/api/v2/generate/check/{me}"
        assert (await horde.get(check, headers=AFAR)).json["rc"] == "TimeoutIP"
        assert (await horde.get(check, headers={**AFAR, "Client-Agent": "known:1:me"})).json["rc"] == "RequestNotFound"


async def test_this_machine_is_never_shut_out(guarded: Any) -> None:
    """A refused prompt from loopback, the house's own or a forgotten proxy's, costs the account and not everybody."""
    async with guarded() as horde:
        me, key = await horde.account("Troll")
        assert (await ask(horde, key, CORRUPT, replacement_filter=False)).json["rc"] == "CorruptPrompt"
        assert (await ask(horde, key, "a red apple")).status == 202
        assert (await horde.pop())["id"] is not None
        assert await horde.value(f"SELECT suspicion FROM users WHERE id = {me}") == 1  # noqa: S608  # a number


async def test_moderators_are_not_punished(guarded: Any) -> None:
    """They try the filters out; the prompt is refused all the same."""
    async with guarded() as horde:
        _, moderator = await horde.account("Mod", moderator=True)
        assert (await ask(horde, moderator, CORRUPT, replacement_filter=False)).status == 400
        assert (await ask(horde, moderator, "a red apple")).status == 202


async def test_flagged_accounts_may_ask_less(guarded: Any) -> None:
    """One group alone is replaced for them."""
    async with guarded() as horde:
        me, key = await horde.account("Flagged")
        await horde.change(f"UPDATE users SET flagged = true WHERE id = {me}")  # noqa: S608  # a number
        assert (await ask(horde, key, "a gizmo")).status == 202
        assert (await horde.pop())["payload"]["prompt"].startswith("a gadget ###")


async def test_a_troll_behind_a_bot_is_stopped_and_nobody_else(guarded: Any) -> None:
    """Of 500 corrupt prompts of one end user one is looked at; the bot's 50 others all get what they ask for."""
    async with guarded() as horde:
        refused: list[str] = []

        async def troll() -> None:
            for _ in range(500):
                answer = await ask(horde, horde.bots_key, CORRUPT, replacement_filter=False, proxied_account="troll#1")
                refused.append(answer.json["rc"])

        async def neighbour(number: int) -> None:
            for _ in range(2):
                answer = await ask(horde, horde.bots_key, "a red apple", proxied_account=f"person{number}")
                assert answer.status == 202, answer.raw

        first = await ask(horde, horde.bots_key, CORRUPT, replacement_filter=False, proxied_account="troll#1")
        assert first.json["rc"] == "CorruptPrompt"
        async with asyncio.TaskGroup() as group:
            group.create_task(troll())
            for number in range(50):
                group.create_task(neighbour(number))
        assert refused == ["TimeoutIP"] * 500
        assert await horde.value("SELECT count(*) FROM refused_prompts") == 1
        assert await horde.value("SELECT count(*) FROM blocks") == 0
        assert await horde.value("SELECT suspicion FROM users WHERE service") == 0


async def test_each_end_user_has_a_limit(guarded: Any) -> None:
    """One of them may have so many pictures waiting; the next one begins at none."""
    async with guarded(limits={"concurrency": 3}) as horde:
        params = {"width": 64, "height": 64, "steps": 4, "n": 2}
        statuses = [
            (await ask(horde, horde.bots_key, "x", params=params, proxied_account=name)).status
            for name in ("ann", "ann", "bob")
        ]
        assert statuses == [202, 429, 202]


async def test_services_speak_for_their_users(guarded: Any) -> None:
    """With its passkey a service names the address behind a call: that one is punished, not the service's."""
    async with guarded() as horde:
        service, key = await horde.account("Bot", service=True)
        made = await horde.call("PUT", f"/api/v2/users/{service}", key, json={"generate_proxy_passkey": True})
        passkey = made.json["proxy_passkey"]
        _, person = await horde.account("Person")
        behind = {"Proxy-Authorization": passkey, "Proxied-For": "203.0.113.9"}
        answer = await ask(horde, person, CORRUPT, replacement_filter=False, headers=behind)
        assert answer.json["rc"] == "CorruptPrompt"
        assert (await ask(horde, person, "x", headers=behind)).json["rc"] == "TimeoutIP"
        assert (await ask(horde, person, "x")).status == 202
        for wrong in ({**behind, "Proxy-Authorization": "x" * 22}, {**behind, "Proxied-For": "nonsense"}):
            assert (await ask(horde, person, "x", headers=wrong)).status == 202, "then it is its own address"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "blocked"),
    [
        ([], "203.0.113.9", False),
        (["127.0.0.0/8"], "203.0.113.9", True),
        (["127.0.0.0/8"], "203.0.113.9, 198.51.100.7", False),
        (["127.0.0.0/8", "198.51.100.0/24"], "203.0.113.9, 198.51.100.7", True),
        (["127.0.0.0/8"], "203.0.113.9, nonsense", False),
    ],
)
async def test_only_trusted_proxies_are_believed(
    guarded: Any, trusted: list[str], forwarded: str, blocked: bool
) -> None:
    """The address is the last one that no trusted proxy has: what strangers write in front of it counts nothing."""
    async with guarded(trusted_proxies=trusted) as horde:
        _, moderator = await horde.account("Mod", moderator=True)
        body = {"ipaddr": "203.0.113.0/24", "hours": 1}
        assert (await horde.post(TIMEOUTS, body, moderator)).json == {"message": "OK"}
        answer = await ask(horde, "0000000000", "x", headers={"X-Forwarded-For": forwarded})
        assert answer.json.get("rc") == ("TimeoutIP" if blocked else None)


async def test_networks_are_blocked_and_freed(guarded: Any) -> None:
    """By moderators, as address, network, or a worker's last address; others and nonsense are refused."""
    async with guarded() as horde:
        _, moderator = await horde.account("Mod", moderator=True)
        assert (await horde.get(TIMEOUTS, horde.bots_key)).json["rc"] == "NotModerator"
        for bad in ("nonsense", "0.0.0.0/0", "2001::/3"):
            assert (await horde.post(TIMEOUTS, {"ipaddr": bad, "hours": 1}, moderator)).status == 400
        await horde.post(TIMEOUTS, {"ipaddr": "2001:db8::/32", "hours": 1}, moderator)
        found = (await horde.get(f"{TIMEOUTS}/2001:db8:1::5", moderator)).json
        assert [one["ipaddr"] for one in found] == ["2001:db8::/32"]
        assert (await horde.get(f"{TIMEOUTS}/192.0.2.1", moderator)).json == []
        await horde.pop()
        worker = (await horde.get("/api/v2/workers")).json[0]["id"]
        address = f"/api/v2/operations/block_worker_ipaddr/{worker}"
        assert (await horde.call("PUT", address, moderator, json={"days": 1})).json == {"message": "OK"}
        assert (await ask(horde, "0000000000", "x")).json["rc"] == "TimeoutIP"
        assert (await horde.call("DELETE", address, moderator)).json == {"message": "OK"}
        assert (await ask(horde, "0000000000", "x")).status == 202
        assert (await horde.call("DELETE", address.replace(worker, "nobody"), moderator)).status == 404


async def test_moderators_keep_filters(guarded: Any) -> None:
    """Added, listed, tried, changed and removed; each change is in force at the next request."""
    async with guarded() as horde:
        number, moderator = await horde.account("Mod", moderator=True)
        assert (await horde.get(FILTERS, horde.bots_key)).json["rc"] == "NotModerator"
        new = {"regex": "widgets?", "filter_type": 11, "description": "a stand-in", "replacement": "thing"}
        made = await horde.call("PUT", FILTERS, moderator, json=new)
        assert made.status == 201
        assert made.json == {**new, "id": made.json["id"], "user": f"Mod#{number}"}
        mine = f"{FILTERS}/{made.json['id']}"
        assert (await horde.get(mine, moderator)).json == made.json
        assert (await horde.get(f"{FILTERS}?filter_type=11&contains=widget", moderator)).json == [made.json]
        assert (await horde.get(f"{FILTERS}?filter_type=20", moderator)).json == []
        tried = await horde.post(FILTERS, {"prompt": "a (widget:1.3) and a dotted gizmo"}, moderator)
        assert (tried.json["suspicion"], set(tried.json["matches"])) == ("2", {"widget", "dotted", "gizmo"})
        regexes = {one["filter_type"]: one["regex"] for one in (await horde.get(f"{FILTERS}/regex", moderator)).json}
        assert regexes == {10: "gizmos?", 11: "widgets?", 20: "dotted"}
        assert (await horde.call("PATCH", mine, moderator, json={})).json["rc"] == "NoFilterModSelected"
        assert (await horde.call("PATCH", mine, moderator, json={"regex": "("})).status == 400
        assert (await horde.call("PATCH", mine, moderator, json={"regex": "sprockets?"})).json["regex"] == "sprockets?"
        refused = await ask(horde, moderator, "a dotted sprocket", replacement_filter=False)
        assert refused.json["rc"] == "CorruptPrompt"
        assert (await horde.call("DELETE", mine, moderator)).status == 200
        assert (await horde.call("DELETE", mine, moderator)).json["rc"] == "FilterNotFound"
        assert (await horde.get(f"{FILTERS}/abc", moderator)).json["rc"] == "FilterNotFound"
        assert (await ask(horde, moderator, "a dotted sprocket", replacement_filter=False)).status == 202


async def test_guessing_keys_is_slow(start: Any) -> None:
    """After thirty wrong keys in a minute keys from there are not even looked at, right ones included."""
    async with start(rate_limits=True) as horde:
        find = "/api/v2/find_user"
        assert (await horde.get(find, horde.worker_key)).status == 200
        answers = [await horde.get(find, f"guessed-key-{number:010}") for number in range(31)]
        assert [answer.status for answer in answers] == [401] * 30 + [429]
        assert answers[-1].json == {"message": "30 per 1 minute"}
        assert (await horde.get(find, horde.worker_key)).status == 429
        assert (await horde.get("/api/v2/status/heartbeat")).status == 200, "whoever shows no key is not concerned"
