"""Teams of workers, and messages to those who run them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

TEAMS = "/api/v2/teams"
MESSAGES = "/api/v2/workers/messages"


async def test_trusted_people_make_teams(horde: Any) -> None:
    """Made, listed, changed and forgotten by whoever made it; others and strangers are refused by code."""
    number, key = await horde.account("Founder", trusted=True)
    _, other = await horde.account("Other", trusted=True)
    _, stranger = await horde.account("Stranger")
    new = {"name": "The reds", "info": "We draw red things"}
    assert (await horde.post(TEAMS, new, stranger)).json["rc"] == "UntrustedTeamCreation"
    assert (await horde.post(TEAMS, new, "0000000000")).json["rc"] == "UntrustedTeamCreation"
    made = await horde.post(TEAMS, new, key)
    assert made.json == {**new, "id": made.json["id"]}
    assert (await horde.post(TEAMS, new, other)).json["rc"] == "TeamNameAlreadyExists"
    mine = f"{TEAMS}/{made.json['id']}"
    found = (await horde.get(mine)).json
    assert (found["creator"], found["worker_count"], found["models"]) == (f"Founder#{number}", 0, [])
    assert [team["name"] for team in (await horde.get(TEAMS)).json] == ["The reds"]
    assert (await horde.call("PATCH", mine, other, json={"name": "Mine"})).json["rc"] == "NotOwner"
    assert (await horde.call("PATCH", mine, key, json={})).json["rc"] == "NoTeamModSelected"
    assert (await horde.call("PATCH", mine, key, json={"name": "The blues"})).json["name"] == "The blues"
    assert (await horde.call("DELETE", mine, other)).json["rc"] == "NotOwner"
    assert (await horde.call("DELETE", mine, key)).json == {"deleted_id": found["id"], "deleted_name": "The blues"}
    for gone in (mine, f"{TEAMS}/nonsense"):
        assert (await horde.get(gone)).json["rc"] == "TeamNotFound"


async def test_workers_join_and_leave(horde: Any, picture: bytes) -> None:
    """What a worker makes counts for its team, which offers what it offers; an empty team is none."""
    _, key = await horde.account("Founder", trusted=True)
    team = (await horde.post(TEAMS, {"name": "The reds"}, key)).json["id"]
    await horde.pop()
    worker = f"/api/v2/workers/{(await horde.get('/api/v2/workers')).json[0]['id']}"
    put = await horde.call("PUT", worker, horde.worker_key, json={"team": str(uuid4())})
    assert put.json["rc"] == "TeamNotFound"
    assert (await horde.call("PUT", worker, horde.worker_key, json={"team": team})).json == {"team": team}
    assert (await horde.get(worker)).json["team"] == {"id": team, "name": "The reds"}
    await horde.ask()
    await horde.deliver(await horde.pop(), picture)
    found = (await horde.get(f"{TEAMS}/{team}")).json
    assert (found["worker_count"], found["requests_fulfilled"]) == (1, 1)
    assert found["kudos"] > 0
    assert found["models"] == [{"name": "little", "count": 1}]
    assert [one["name"] for one in found["workers"]] == ["Tester"]
    assert (await horde.call("PUT", worker, horde.worker_key, json={"team": ""})).json == {"team": ""}
    assert (await horde.get(worker)).json["team"] == {"id": None, "name": None}


async def test_messages_reach_workers_with_their_pop(horde: Any) -> None:
    """An owner writes to their own worker, a moderator to all; every pop tells what has not ended, job or not."""
    _, moderator = await horde.account("Mod", moderator=True)
    await horde.pop(name="First")
    first = (await horde.get("/api/v2/workers/name/First")).json["id"]
    mine = await horde.post(MESSAGES, {"message": "Clean your fan", "worker_id": first}, horde.worker_key)
    assert (mine.json["origin"].partition("#")[0], mine.json["expiry"]) == ("largesse worker", 12)
    everybody = await horde.post(MESSAGES, {"message": "Thank you", "origin": "The horde", "expiry": 1}, moderator)
    assert everybody.status == 200
    await horde.pop(name="Second")
    await horde.ask()
    told = (await horde.pop(name="Third"))["messages"]
    assert [(one["message"], one["origin"]) for one in told] == [("Thank you", "The horde")]
    assert told[0]["expiry"].endswith("+0000")
    await horde.change("UPDATE messages SET expires = 1 WHERE worker_id IS NULL")
    assert (await horde.pop(name="Fourth"))["messages"] == []


async def test_messages_are_their_authors(horde: Any) -> None:
    """Others' workers are not written to, others' messages neither seen nor taken back; moderators do all of it."""
    _, moderator = await horde.account("Mod", moderator=True)
    _, stranger = await horde.account("Stranger")
    await horde.pop()
    worker = (await horde.get("/api/v2/workers")).json[0]["id"]
    to_it = {"message": "Hello", "worker_id": worker}
    for body, key in ((to_it, stranger), ({"message": "All"}, stranger), ({"message": "All"}, "0000000000")):
        assert (await horde.post(MESSAGES, body, key)).json["rc"] == "MessagesOnlyOwnWorkers"
    missing = await horde.post(MESSAGES, {"message": "Hello", "worker_id": str(uuid4())}, moderator)
    assert missing.json["rc"] == "WorkerNotFound"
    sent = (await horde.post(MESSAGES, to_it, horde.worker_key)).json
    one = f"{MESSAGES}/{sent['id']}"
    assert (await horde.get(one)).json["message"] == "Hello"
    assert (await horde.get(MESSAGES, stranger)).json == []
    for query in ("", f"?worker_id={worker}", "?validity=all", "?page=1"):
        assert [found["id"] for found in (await horde.get(f"{MESSAGES}{query}", moderator)).json] == [sent["id"]]
    assert (await horde.get(f"{MESSAGES}?validity=expired", moderator)).json == []
    assert (await horde.get(f"{MESSAGES}?page=2", moderator)).json == []
    assert (await horde.call("DELETE", one, stranger)).json["rc"] == "NotOwner"
    assert (await horde.call("DELETE", one, horde.worker_key)).json == {"message": "OK"}
    for gone in (one, f"{MESSAGES}/nonsense"):
        assert (await horde.get(gone)).json["rc"] == "WorkermessageNotFound"
