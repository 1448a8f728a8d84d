"""The official SDK, a strict reader, takes what our answers look like on the wire, and we take what it sends."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from core.contract import generate, people, problems, status, work, workers
from core.contract.base import Answer

apimodels = pytest.importorskip("horde_sdk.ai_horde_api.apimodels")
generic = pytest.importorskip("horde_sdk.generic_api.apimodels")

ID, OTHER = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
FULL_JOB = work.PopResponse(
    id=OTHER,
    ids=[OTHER, ID],
    model="stable_diffusion",
    ttl=150,
    payload=work.JobPayload(
        prompt="x",
        seed="3",
        clip_skip=2,
        post_processing=["GFPGAN"],
        loras=[generate.Lora(name="1", is_version=True)],
        tis=[generate.TextualInversion(name="2")],
    ),
    source_image="https://horde.example/source.webp",
    r2_upload=f"https://horde.example/blobs/{OTHER}.webp?sig=a",
    r2_uploads=[f"https://horde.example/blobs/{OTHER}.webp?sig=a", f"https://horde.example/blobs/{ID}.webp?sig=b"],
    seeds=["3", "4"],
)
PICTURE = generate.Generation(
    img="https://horde.example/x.webp",
    seed="5",
    id=ID,
    worker_id=OTHER,
    worker_name="w",
    model="m",
    gen_metadata=[generate.Metadata(type="censorship", value="nsfw")],
)
RUNNING = generate.Running(id=ID, step=1, steps=8)
WORKER = workers.WorkerDetails(name="w", id=ID, team=workers.TeamLite(), max_pixels=65536, post_processing=True)
USER = people.UserDetails(username="a#1", id=1, worker_ids=[ID], monthly_kudos=people.MonthlyKudos())
SENT: list[tuple[str, Answer]] = [
    ("ImageGenerateAsyncResponse", generate.AsyncResponse(id=ID, kudos=7.5)),
    (
        "ImageGenerateAsyncResponse",
        generate.AsyncResponse(
            id=ID,
            kudos=1,
            message="m",
            warnings=[generate.RequestWarning(code="NoAvailableWorker", message="m")],
            is_possible=False,
        ),
    ),
    ("ImageGenerateCheckResponse", generate.CheckResponse(done=False, processing=1, running=[RUNNING])),
    ("ImageGenerateStatusResponse", generate.StatusResponse(done=True, finished=1, generations=[PICTURE])),
    ("ImageGenerateStatusResponse", generate.StatusResponse(done=False)),
    ("ImageGenerateJobPopResponse", work.PopResponse()),
    ("ImageGenerateJobPopResponse", FULL_JOB),
    ("JobSubmitResponse", work.SubmitResponse(reward=9.5)),
    ("UserDetailsResponse", people.UserDetails(username="a#1", id=1)),
    ("UserDetailsResponse", USER),
    ("ModifyUserResponse", people.UserUpdated(trusted=True)),
    ("ImageGenerateAsyncDryRunResponse", generate.DryRunResponse(kudos=4.5)),
    ("ImageStatsModelsResponse", status.ModelTotals(day={"m": 1}, month={"m": 1}, total={"m": 1})),
    ("KudosTransferResponse", people.KudosTransferred(transferred=3)),
    ("SingleWorkerDetailsResponse", WORKER),
    ("SingleWorkerDetailsResponse", workers.WorkerDetails(name="w", id=ID)),
    ("ModifyWorkerResponse", workers.WorkerUpdated(maintenance=True)),
    ("DeleteWorkerResponse", workers.WorkerDeleted(deleted_id=ID, deleted_name="w")),
    ("AIHordeHeartbeatResponse", status.Heartbeat(version="1.0.0")),
    ("HordePerformanceResponse", status.Performance()),
    ("HordeModes", status.Modes()),
    ("ImageStatsModelsTotalResponse", status.ImageTotals()),
]


def _sdk(name: str) -> Any:
    found = getattr(apimodels, name, None)
    assert found is not None, f"the SDK has no {name}"
    return found


@pytest.mark.parametrize(("name", "answer"), SENT)
def test_the_sdk_reads_what_we_send(name: str, answer: Answer) -> None:
    """Each answer, as it is dumped, parses with the model that the official clients and workers use."""
    _sdk(name).model_validate(answer.wire())


def test_lists_are_read() -> None:
    """Models, workers and news arrive as lists."""
    _sdk("HordeStatusModelsAllResponse").model_validate([status.ModelStatus(name="m", count=1).wire()])
    _sdk("AllWorkersDetailsResponse").model_validate([WORKER.wire()])
    _sdk("NewsResponse").model_validate([status.News(title="t", newspiece="n", date_published="2024-01-01").wire()])


def test_no_job_means_no_model() -> None:
    """The empty pop says so by a null model, with everything that the SDK requires in place."""
    empty = work.PopResponse().wire()
    read = _sdk("ImageGenerateJobPopResponse").model_validate(empty)
    assert (read.model, read.id_, read.ids) == (None, None, [])
    assert empty["payload"]["ddim_steps"] == 30
    assert all(value == 0 for value in empty["skipped"].values())


def test_sorted_ids_still_fit_their_uploads() -> None:
    """The SDK sorts ids and addresses separately; with one common beginning they stay together."""
    read = _sdk("ImageGenerateJobPopResponse").model_validate(FULL_JOB.wire())
    assert all(str(id_.root) in url for id_, url in zip(read.ids, read.r2_uploads, strict=True))


def test_refusals_are_read() -> None:
    """A refusal has a message and a code; failed validation has `errors`, by which the SDK tells it."""
    refusal = generic.RequestErrorResponse.model_validate(problems.ErrorBody(message="No.", rc="Forbidden").wire())
    assert (refusal.message, refusal.rc) == ("No.", "Forbidden")
    invalid = problems.ValidationBody(errors={"params.n": "30 is greater than the maximum of 20"}).wire()
    read = generic.RequestErrorResponse.model_validate(invalid)
    assert read.message == problems.VALIDATION_MESSAGE


def test_we_read_what_the_sdk_asks() -> None:
    """A request, a pop and a submit of the official clients pass our bounds."""
    asked = _sdk("ImageGenerateAsyncRequest")(
        apikey="0000000000",
        prompt="x",
        models=["m"],
        params=_sdk("ImageGenerationInputPayload")(n=2, steps=8, seed="5", width=512, height=768),
    )
    body = asked.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    ours = generate.GenerateRequest.read(body)
    assert (ours.params.n, ours.params.height, ours.params.seed) == (2, 768, "5")
    popped = _sdk("ImageGenerateJobPopRequest")(
        apikey="0000000000", name="w", models=["mmm"], bridge_agent="AI Horde Worker reGen:10.1.1:x", max_pixels=65536
    )
    assert work.PopRequest.read(popped.model_dump(mode="json", by_alias=True)).max_pixels == 65536
    handed_in = _sdk("ImageGenerationJobSubmitRequest")(id=ID, apikey="0000000000", state="ok", generation="R2", seed=7)
    assert work.SubmitRequest.read(handed_in.model_dump(mode="json", by_alias=True)).seed == 7
