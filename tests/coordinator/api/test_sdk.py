"""The official SDK, with its strict models, as requester and as worker."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

SCRIPT = r"""
import asyncio, json, sys
import aiohttp
from horde_sdk.ai_horde_api import AIHordeAPIAsyncClientSession
from horde_sdk.ai_horde_api.apimodels import (
    AIHordeHeartbeatRequest, FindUserRequest, ImageGenerateAsyncRequest, ImageGenerateCheckRequest,
    ImageGenerateJobPopRequest, ImageGenerateStatusRequest, ImageGenerationInputPayload,
    ImageGenerationJobSubmitRequest,
)
from horde_sdk.generic_api.apimodels import RequestErrorResponse

KEY, PICTURE = sys.argv[1], sys.argv[2]

async def ask(horde, request):
    answer = await horde.submit_request(request, type(request).get_default_success_response_type())
    if isinstance(answer, RequestErrorResponse):
        raise SystemExit(f"refused: {answer.message}")
    return answer

async def main():
    async with aiohttp.ClientSession() as http:
        horde = AIHordeAPIAsyncClientSession(aiohttp_session=http)
        async with horde:
            await run(horde, http)

def pop_request():
    return ImageGenerateJobPopRequest(
        apikey=KEY, name="SDK worker", bridge_agent="AI Horde Worker reGen:10.1.1:https://example.org",
        models=["little"], max_pixels=1048576, nsfw=True, threads=1, amount=2,
    )

async def run(horde, http):
    empty = await ask(horde, pop_request())
    asked = await ask(horde, ImageGenerateAsyncRequest(
        apikey="0000000000", prompt="a red apple", models=["little"],
        params=ImageGenerationInputPayload(width=64, height=64, steps=4, n=2, seed="5"),
    ))
    jobs = []
    while len(jobs) < 2:
        job = await ask(horde, pop_request())
        if not job.ids:
            raise SystemExit("no job")
        for job_id, upload in zip(job.ids, job.r2_uploads, strict=True):
            jobs.append(str(job_id))
            assert str(job_id) in upload, (str(job_id), upload)
            async with http.put(upload, data=open(PICTURE, "rb").read(), skip_auto_headers=["content-type"]) as put:
                assert put.status == 200, put.status
            paid = await ask(horde, ImageGenerationJobSubmitRequest(
                apikey=KEY, id=job_id, generation="R2", seed=5, state="ok"
            ))
            assert paid.reward > 0
    check = await ask(horde, ImageGenerateCheckRequest(id=asked.id_))
    status = await ask(horde, ImageGenerateStatusRequest(id=asked.id_))
    user = await ask(horde, FindUserRequest(apikey=KEY))
    beat = await ask(horde, AIHordeHeartbeatRequest())
    images = []
    for generation in status.generations:
        async with http.get(generation.img) as fetched:
            images.append(len(await fetched.read()))
    print(json.dumps({
        "empty": empty.id_ is None, "done": check.done, "jobs": sorted(jobs),
        "drawn": sorted(str(one.id_) for one in status.generations), "images": images,
        "user": user.username, "version": bool(beat.version),
    }))

asyncio.run(main())
"""


EVERYTHING_ELSE = r"""
import asyncio, json, sys
import aiohttp
from horde_sdk.ai_horde_api import AIHordeAPIAsyncClientSession
from horde_sdk.ai_horde_api.apimodels import *
from horde_sdk.generic_api.apimodels import RequestErrorResponse

OWNER, FRIEND = sys.argv[1], sys.argv[2]

async def ask(horde, request):
    answer = await horde.submit_request(request, type(request).get_default_success_response_type())
    if isinstance(answer, RequestErrorResponse):
        raise SystemExit(f"{type(request).__name__} was refused: {answer.message}")
    return answer

async def main():
    async with aiohttp.ClientSession() as http:
        horde = AIHordeAPIAsyncClientSession(aiohttp_session=http)
        async with horde:
            print(json.dumps(await run(horde)))

async def run(horde):
    await ask(horde, ImageGenerateJobPopRequest(
        apikey=OWNER, name="SDK worker", bridge_agent="AI Horde Worker reGen:10.1.1:https://example.org",
        models=["little"], max_pixels=1048576, nsfw=True, threads=1,
    ))
    asked = await ask(horde, ImageGenerateAsyncRequest(
        apikey=FRIEND, prompt="a red apple", models=["little"],
        params=ImageGenerationInputPayload(width=64, height=64, steps=4),
    ))
    cancelled = await ask(horde, DeleteImageGenerateRequest(id=asked.id_))
    performance = await ask(horde, HordePerformanceRequest())
    models = await ask(horde, HordeStatusModelsAllRequest())
    model = await ask(horde, HordeStatusModelsSingleRequest(model_name="little"))
    await ask(horde, NewsRequest())
    terms = await ask(horde, AIHordeGetTermsRequest())
    await ask(horde, AIHordeGetPrivacyPolicyRequest())
    await ask(horde, AIHordeGetSponsorsRequest())
    await ask(horde, ImageStatsModelsTotalRequest())
    await ask(horde, ImageStatsModelsRequest())
    await ask(horde, TextStatsModelsTotalRequest())
    await ask(horde, TextStatsModelsRequest())
    me = await ask(horde, FindUserRequest(apikey=OWNER))
    friend = await ask(horde, FindUserRequest(apikey=FRIEND))
    renamed = await ask(horde, ModifyUserRequest(apikey=FRIEND, user_id=str(friend.id_), contact="bots@example.org"))
    users = await ask(horde, ListUsersDetailsRequest(page=1))
    single = await ask(horde, SingleUserDetailsRequest(user_id=str(me.id_)))
    sent = await ask(horde, KudosTransferRequest(apikey=FRIEND, username=me.username, amount=5))
    workers = await ask(horde, AllWorkersDetailsRequest())
    worker = await ask(horde, SingleWorkerNameDetailsRequest(worker_name="SDK worker"))
    same = await ask(horde, SingleWorkerDetailsRequest(worker_id=worker.id_))
    changed = await ask(horde, ModifyWorkerRequest(apikey=OWNER, worker_id=worker.id_, info="of the tests"))
    gone = await ask(horde, DeleteWorkerRequest(apikey=OWNER, worker_id=worker.id_))
    return {
        "cancelled": cancelled.done and not cancelled.generations,
        "threads": performance.thread_count,
        "models": [one.name for one in models.root], "model": [one.name for one in model.root],
        "users": {me.username, friend.username} <= {one.username for one in users.root},
        "single": single.username == me.username, "sent": sent.transferred,
        "workers": [one.name for one in workers.root], "same": same.name, "info": changed.info,
        "gone": gone.deleted_name, "terms": bool(terms.html or terms.markdown), "contact": renamed.contact,
    }

asyncio.run(main())
"""


async def run(horde: Any, folder: Path, script: str, *arguments: str) -> Any:
    """What a script over the SDK says; a process of its own, because the SDK reads its address when it is imported."""
    environment = {**os.environ, "AI_HORDE_URL": f"{horde.url}/api/", "AI_HORDE_DEV_URL": f"{horde.url}/api/"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, *arguments,
        env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    return json.loads(out.decode().strip().splitlines()[-1])


async def test_the_official_sdk_works_both_ways(horde: Any, picture: bytes, tmp_path: Path) -> None:
    """Ask, pop, upload, submit, check, status and find_user through its own models: nothing is refused or missing."""
    file = tmp_path / "picture.webp"
    file.write_bytes(picture)
    said = await run(horde, tmp_path, SCRIPT, horde.worker_key, str(file))
    assert said["empty"]
    assert said["done"]
    assert said["jobs"] == said["drawn"]
    assert said["images"] == [len(picture)] * 2
    assert said["user"].startswith("largesse worker#")


async def test_the_official_sdk_sees_everything_else(horde: Any, tmp_path: Path) -> None:
    """Cancel, status, models, totals, users, kudos and workers, each through the SDK's own strict models."""
    said = await run(horde, tmp_path, EVERYTHING_ELSE, horde.worker_key, horde.bots_key)
    assert said == {
        "cancelled": True,
        "threads": 1,
        "models": ["little"],
        "model": ["little"],
        "users": True,
        "single": True,
        "sent": 5,
        "workers": ["SDK worker"],
        "same": "SDK worker",
        "info": "of the tests",
        "gone": "SDK worker",
        "terms": True,
        "contact": "bots@example.org",
    }
