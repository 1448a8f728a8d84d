"""A picture's way over the wire: asked for, popped, uploaded, handed in, looked at, fetched."""

from __future__ import annotations

import asyncio
import base64
import time
from io import BytesIO
from typing import Any

from PIL import Image

PARAMS = {"width": 64, "height": 64, "steps": 4}


async def test_a_request_becomes_a_picture(horde: Any, picture: bytes) -> None:
    """Ask, pop, upload, submit, check, status: the very bytes that the worker drew arrive."""
    request = await horde.ask(params={**PARAMS, "seed": "42"})
    before = (await horde.get(f"/api/v2/generate/check/{request}")).json
    assert (before["waiting"], before["done"], before["queue_position"]) == (1, False, 1)

    job = await horde.pop()
    assert job["id"] == job["ids"][0]
    assert job["payload"]["prompt"] == "a red apple"
    assert (job["payload"]["seed"], job["seeds"]) == ("42", ["42"])
    assert job["payload"]["ddim_steps"] == 4
    during = (await horde.get(f"/api/v2/generate/check/{request}")).json
    assert (during["waiting"], during["processing"]) == (0, 1)

    paid = await horde.deliver(job, picture)
    assert (paid.status, paid.json["reward"] > 0) == (200, True)
    after = (await horde.get(f"/api/v2/generate/status/{request}")).json
    assert (after["finished"], after["done"], after["faulted"]) == (1, True, False)
    drawn = after["generations"][0]
    assert (drawn["id"], drawn["seed"], drawn["model"], drawn["worker_name"]) == (job["id"], "42", "little", "Tester")
    fetched = await horde.get(drawn["img"])
    assert (fetched.status, fetched.raw) == (200, picture)
    assert fetched.headers["Content-Type"] == "image/webp"
    assert "max-age" in fetched.headers["Cache-Control"]


async def test_nothing_to_do_is_an_answer_too(horde: Any) -> None:
    """The empty pop carries what strict clients need: payload, ids, skipped."""
    answer = await horde.pop()
    assert (answer["id"], answer["ids"], answer["model"]) == (None, [], None)
    assert answer["payload"]["ddim_steps"] == 30
    assert set(answer["skipped"].values()) == {0}


async def test_a_waiting_pop_is_woken(horde: Any) -> None:
    """With `wait` the job arrives the moment somebody asks, not at the end of the wait."""
    waiting = asyncio.create_task(horde.pop(wait=20))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    began = time.monotonic()
    await horde.ask()
    job = await waiting
    assert job["model"] == "little"
    assert time.monotonic() - began < 3


async def test_a_worker_that_left_is_given_nothing(horde: Any) -> None:
    """A pop whose worker hung up while it waited takes no job; the next worker gets it."""
    waiting = asyncio.create_task(horde.pop(name="Hangs up", wait=20))
    await asyncio.sleep(0.2)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0.05)
    await horde.ask()
    assert (await horde.pop(name="Stays here", wait=5))["id"] is not None


async def test_a_waiting_pop_ends_with_the_coordinator(start: Any) -> None:
    """Stopping does not wait for long polls: they answer at once that there is nothing."""
    async with start() as horde:
        waiting = asyncio.create_task(horde.pop(wait=30))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        horde.stop.set()
        assert (await waiting)["id"] is None
        assert time.monotonic() - began < 5


async def test_a_batch_has_a_seed_for_each_picture(horde: Any, picture: bytes) -> None:
    """Four pictures of one request have four seeds, and each is handed in by itself."""
    request = await horde.ask(params={**PARAMS, "n": 4, "seed": "7"})
    seeds: list[str] = []
    for _ in range(4):
        job = await horde.pop(amount=4)
        if job["id"] is None:
            break
        seeds += job["seeds"]
        await horde.deliver(job, picture)
    assert seeds == ["7", "8", "9", "10"]
    status = (await horde.get(f"/api/v2/generate/status/{request}")).json
    assert sorted(int(one["seed"]) for one in status["generations"]) == [7, 8, 9, 10]
    assert status["done"]


async def test_base64_both_ways(horde: Any) -> None:
    """A worker may hand in base64 (any format), and a client that does not want addresses gets base64 webp."""
    out = BytesIO()
    Image.new("RGB", (64, 64), "blue").save(out, "PNG")
    request = await horde.ask(r2=False)
    job = await horde.pop()
    body = {"id": job["id"], "generation": base64.b64encode(out.getvalue()).decode(), "seed": 1}
    assert (await horde.post("/api/v2/generate/submit", body, horde.worker_key)).status == 200
    img = (await horde.get(f"/api/v2/generate/status/{request}")).json["generations"][0]["img"]
    with Image.open(BytesIO(base64.b64decode(img))) as opened:
        assert (opened.format, opened.size) == ("WEBP", (64, 64))


async def test_nobody_is_paid_for_a_picture_that_is_not_there(horde: Any, picture: bytes) -> None:
    """Handing in "R2" without an upload is refused and can be made good."""
    await horde.ask()
    job = await horde.pop()
    body = {"id": job["id"], "generation": "R2", "seed": 1}
    refused = await horde.post("/api/v2/generate/submit", body, horde.worker_key)
    assert (refused.status, refused.json["rc"]) == (400, "PictureMissing")
    assert (await horde.deliver(job, picture)).status == 200


async def test_progress_is_shown(horde: Any, picture: bytes) -> None:
    """Steps that the worker reports stand in check, until the picture is there."""
    request = await horde.ask()
    job = await horde.pop()
    body = {"id": job["id"], "step": 3, "steps": 4}
    told = await horde.post("/api/largesse/v1/generate/progress", body, horde.worker_key)
    assert told.json == {"wanted": True}
    running = (await horde.get(f"/api/v2/generate/check/{request}")).json["running"]
    assert [(one["id"], one["step"], one["steps"], one["worker_name"]) for one in running] == [
        (job["id"], 3, 4, "Tester")
    ]
    await horde.deliver(job, picture)
    assert (await horde.get(f"/api/v2/generate/check/{request}")).json["running"] == []


async def test_a_preview_stands_there_until_the_picture_does(horde: Any, picture: bytes) -> None:
    """It stays while later steps bring no newer one; what is no webp, or too much of one, is refused."""
    request, job = await horde.ask(), await horde.pop()
    path, body = "/api/largesse/v1/generate/progress", {"id": job["id"], "steps": 4}
    looks = base64.b64encode(b"RIFF\x10\0\0\0WEBP" + bytes(8)).decode()
    for report in ({"step": 2, "preview": looks}, {"step": 3}):
        assert (await horde.post(path, body | report, horde.worker_key)).json == {"wanted": True}
    (running,) = (await horde.get(f"/api/v2/generate/check/{request}")).json["running"]
    assert (running["step"], running["preview"]) == (3, looks)
    for wrong in ("<svg>", base64.b64encode(b"<svg/>").decode(), looks + "A" * 6000):
        refused = await horde.post(path, body | {"step": 3, "preview": wrong}, horde.worker_key)
        assert (refused.status, list(refused.json["errors"])) == (400, ["preview"])
    await horde.deliver(job, picture)
    assert (await horde.get(f"/api/v2/generate/check/{request}")).json["running"] == []


async def test_a_cancelled_picture_is_not_wanted(horde: Any) -> None:
    """DELETE takes what waits away, and the worker that draws learns it with its next report."""
    request = await horde.ask(params={**PARAMS, "n": 2})
    job = await horde.pop(amount=1)
    cancelled = await horde.call("DELETE", f"/api/v2/generate/status/{request}")
    assert (cancelled.status, cancelled.json["waiting"]) == (200, 0)
    body = {"id": job["id"], "step": 1, "steps": 4}
    told = await horde.post("/api/largesse/v1/generate/progress", body, horde.worker_key)
    assert told.json == {"wanted": False}
    assert (await horde.pop())["id"] is None


async def test_a_faulted_job_goes_back(horde: Any, picture: bytes) -> None:
    """A worker that gives up gets nothing; the picture is drawn by the next."""
    request = await horde.ask()
    job = await horde.pop()
    body = {"id": job["id"], "generation": "", "seed": 0, "state": "faulted"}
    gave_up = await horde.post("/api/v2/generate/submit", body, horde.worker_key)
    assert (gave_up.status, gave_up.json["reward"]) == (200, 0)
    again = await horde.pop()
    assert again["id"] not in (None, job["id"])
    await horde.deliver(again, picture)
    assert (await horde.get(f"/api/v2/generate/check/{request}")).json["done"]


async def test_a_hidden_picture_is_said_to_be_hidden(horde: Any, picture: bytes) -> None:
    """The worker's cover is shown; without one, and for what nobody may have, there is "N/A" and no file."""

    async def hand_in(state: str, *, upload: bool) -> dict[str, Any]:
        request = await horde.ask()
        job = await horde.pop()
        if upload:
            await horde.call("PUT", job["r2_upload"], data=picture)
        body = {"id": job["id"], "generation": "R2", "seed": 1, "state": state}
        assert (await horde.post("/api/v2/generate/submit", body, horde.worker_key)).status == 200
        return (await horde.get(f"/api/v2/generate/status/{request}")).json["generations"][0]

    covered = await hand_in("censored", upload=True)
    assert (covered["censored"], (await horde.get(covered["img"])).raw) == (True, picture)
    assert (await hand_in("censored", upload=False))["img"] == "N/A"
    forbidden = await hand_in("csam", upload=True)
    assert (forbidden["img"], forbidden["state"]) == ("N/A", "csam")
    assert len([path for path in (horde.data_dir / "blobs").rglob("*") if path.is_file()]) == 1


async def test_a_second_submit_pays_nothing(horde: Any, picture: bytes) -> None:
    """Handing in twice is refused in the words that workers look for, and the balance moves once."""
    await horde.ask()
    job = await horde.pop()
    await horde.deliver(job, picture)
    kudos = (await horde.get("/api/v2/find_user", horde.worker_key)).json["kudos"]
    again = await horde.deliver(job, picture)
    assert (again.status, again.json["rc"]) == (400, "DuplicateGen")
    assert "already submitted" in again.json["message"]
    assert (await horde.get("/api/v2/find_user", horde.worker_key)).json["kudos"] == kudos


async def test_the_same_idempotency_key_makes_one_request(horde: Any) -> None:
    """A retry of a client that missed the answer gets the same id, and one picture waits."""
    body = {"prompt": "a red apple", "models": ["little"], "params": PARAMS}
    headers = {"Idempotency-Key": "event-1"}
    answers = await asyncio.gather(
        *(horde.post("/api/v2/generate/async", body, horde.bots_key, headers=headers) for _ in range(4))
    )
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    assert (await horde.get("/api/v2/status/performance")).json["queued_requests"] == 1


async def test_a_dry_run_only_says_the_price(horde: Any) -> None:
    """200 with kudos, and nothing waits afterwards."""
    body = {"prompt": "a red apple", "models": ["little"], "params": PARAMS, "dry_run": True}
    answer = await horde.post("/api/v2/generate/async", body)
    assert answer.status == 200
    assert set(answer.json) == {"kudos"}
    assert answer.json["kudos"] > 0
    assert (await horde.pop())["id"] is None


async def test_an_impossible_request_says_so(horde: Any) -> None:
    """Nobody serves that model: the 202 warns, and a request that wants to is refused at once."""
    body = {"prompt": "x", "models": ["unheard of"], "params": PARAMS}
    answer = await horde.post("/api/v2/generate/async", body)
    assert answer.json["is_possible"] is False
    assert answer.json["warnings"][0]["code"] == "NoAvailableWorker"
    assert answer.json["message"]
    refused = await horde.post("/api/v2/generate/async", {**body, "refuse_impossible": True})
    assert refused.status == 400
    assert refused.json["message"]


async def test_sources_travel_as_addresses(horde: Any, picture: bytes) -> None:
    """Source and mask are stored as webp, handed to the worker by address, and never inline."""
    mask = BytesIO()
    Image.new("L", (64, 64), 255).save(mask, "PNG")
    await horde.ask(
        source_image=base64.b64encode(picture).decode(),
        source_mask=base64.b64encode(mask.getvalue()).decode(),
        source_processing="inpainting",
        params={**PARAMS, "denoising_strength": 0.5},
    )
    job = await horde.pop(capabilities=["r2", "img2img", "painting"])
    assert job["source_processing"] == "inpainting"
    for address in (job["source_image"], job["source_mask"]):
        fetched = await horde.get(address)
        assert (fetched.status, fetched.raw[8:12]) == (200, b"WEBP")


async def test_a_refused_request_leaves_no_sources(horde: Any, picture: bytes) -> None:
    """What was stored for a request that the rules refuse is removed again."""
    body = {
        "prompt": "x",
        "models": ["little"],
        "params": PARAMS,
        "source_mask": base64.b64encode(picture).decode(),
    }
    refused = await horde.post("/api/v2/generate/async", body)
    assert (refused.status, refused.json["rc"]) == (400, "SourceMaskUnnecessary")
    assert [path for path in (horde.data_dir / "blobs").rglob("*") if path.is_file()] == []
