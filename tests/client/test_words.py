"""What a horde's refusals become, what is sent along with a call, and that the key is never shown."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from structlog.testing import capture_logs

from core import errors
from core.client import HordeClient
from core.client.faults import fault
from core.client.transport import base_of
from core.contract.codes import Rc
from core.contract.generate import GenerateRequest, GenerationParams
from core.contract.work import PopRequest, ProgressRequest, SubmitRequest
from tests.client.conftest import KEY, QUICK
from tests.doubles.horde import FakeHorde, Fault


@pytest.mark.parametrize(
    ("status", "rc", "kind"),
    [
        (400, "BadCFGDecimals", errors.InvalidRequest),
        (401, "InvalidAPIKey", errors.NotAllowed),
        (403, "KudosUpfront", errors.NotEnoughKudos),
        (400, "KudosTransferNotEnough", errors.NotEnoughKudos),
        (404, "RequestNotFound", errors.NotFound),
        (429, "TooManyPrompts", errors.TooMany),
        (400, "MaintenanceMode", errors.HordeUnavailable),
        (400, "DuplicateGen", errors.HordeRefused),
        (403, "WorkerMaintenance", errors.NotAllowed),
        (400, "ANewCodeOfTomorrow", errors.HordeRefused),
        (500, None, errors.HordeUnavailable),
        (403, None, errors.NotAllowed),
    ],
)
def test_codes_become_errors(status: int, rc: str | None, kind: type[errors.LargesseError]) -> None:
    """Each code is one kind of error, keeps its code, and has a sentence that ends like one."""
    error = fault(status, {"message": "Their own words.", "rc": rc})
    assert type(error) is kind
    assert error.code == (rc or kind.code)
    assert str(error).endswith(".")


def test_a_code_with_a_slip_of_the_pen_is_understood() -> None:
    """The public API sends some codes with a dot at the end."""
    assert Rc.read("InvalidExtraTexts.") is Rc.INVALID_EXTRA_TEXTS
    assert fault(400, {"message": "x", "rc": "ControlNetMismatch."}).code == "ControlNetMismatch"


def test_an_unknown_refusal_keeps_the_hordes_words() -> None:
    """What the table does not know is said as the horde said it, without the framework's guesses, and not endlessly."""
    body = {"message": "No such thing. You have requested this URI [/api] but did you mean /api/v2 ?"}
    assert str(fault(404, body)) == "No such thing."
    assert len(str(fault(400, {"message": "x" * 9000}))) <= 300
    assert str(fault(502, None)) == errors.HordeUnavailable.default_message()


def test_a_validation_failure_names_the_field() -> None:
    """The field and what is wrong with it stand in the sentence."""
    body = {"errors": {"params.n": "30 is greater than the maximum of 20"}, "message": "Input payload ..."}
    error = fault(400, body)
    assert isinstance(error, errors.InvalidRequest)
    assert "n: 30 is greater than the maximum of 20" in str(error)


@pytest.mark.parametrize("body", [None, [], "text", {"message": None}, {"rc": {}, "message": []}, {"errors": []}])
def test_any_body_is_survived(body: Any) -> None:
    """A refusal with a senseless body is an error of ours all the same."""
    assert str(fault(418, body))


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("https://aihorde.net/api/", "https://aihorde.net"),
        ("https://aihorde.net/api", "https://aihorde.net"),
        ("https://aihorde.net/api/v2/", "https://aihorde.net"),
        ("https://aihorde.net", "https://aihorde.net"),
        (" http://127.0.0.1:7001/ ", "http://127.0.0.1:7001"),
        ("https://host/horde/api/", "https://host/horde"),
    ],
)
def test_an_address_is_understood_however_it_is_written(written: str, base: str) -> None:
    """With or without "/api/", with a path of its own before it."""
    assert str(base_of(written)).rstrip("/") == base


@pytest.mark.parametrize("written", ["", "aihorde.net", "ftp://host/", "http://", "http://host:port"])
def test_what_is_no_address_is_a_config_error(written: str) -> None:
    """The sentence says what an address looks like."""
    with pytest.raises(errors.ConfigError, match=r"https://aihorde\.net/api/"):
        HordeClient(written, "", "T:1:n")


async def test_key_and_agent_go_with_every_call(client: HordeClient, horde: FakeHorde) -> None:
    """The horde learns who asks and with which program."""
    assert (await client.find_user()).username == "someone#7"
    assert horde.seen[0].headers["apikey"] == KEY
    assert horde.seen[0].headers["Client-Agent"] == "Tests:1:none"


async def test_no_key_is_the_anonymous_one(horde: FakeHorde) -> None:
    """An empty key is sent as the key that everybody may use."""
    async with HordeClient(horde.url, "", "T:1:n") as client:
        await client.find_user()
    assert horde.seen[0].headers["apikey"] == "0000000000"


async def test_only_what_was_set_is_sent(client: HordeClient, horde: FakeHorde) -> None:
    """The horde's own defaults stay in effect."""
    await client.generate(GenerateRequest(prompt="x", params=GenerationParams(steps=8, seed="7"), models=[]))
    assert horde.seen[0].json() == {"prompt": "x", "params": {"steps": 8, "seed": "7"}, "models": []}


async def test_the_key_is_shown_nowhere(horde: FakeHorde) -> None:
    """Neither repr, logs, errors nor tracebacks hold it, even where the horde quotes it back."""
    horde.answers["GET /api/v2/find_user"] = (403, {"message": f"The key {KEY} is not welcome."})
    horde.faults.extend([Fault.CUT, Fault.HALF])
    with capture_logs() as logs:
        async with HordeClient(horde.url, KEY, "T:1:n", patience=QUICK) as client:
            with pytest.raises(errors.NotAllowed) as caught:
                await client.find_user()
    shown = repr(client) + repr(vars(client)) + repr(logs) + "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    assert "not welcome" in str(caught.value)


async def test_a_client_is_used_inside_its_context(horde: FakeHorde) -> None:
    """Before and after, every verb says so instead of failing somewhere inside."""
    client = HordeClient(horde.url, KEY, "T:1:n")
    with pytest.raises(RuntimeError, match="async with"):
        await client.heartbeat()
    with pytest.raises(RuntimeError, match="async with"):
        await client.fetch_picture("http://127.0.0.1:1/x")


async def test_figures_are_read(client: HordeClient) -> None:
    """Models, performance and heartbeat of a horde are values."""
    assert [(model.name, model.count, model.eta) for model in await client.models()] == [("stable_diffusion", 2, 4)]
    assert (await client.performance()).queued_megapixelsteps == 1.5
    assert (await client.heartbeat()).version == "5.1.5"


async def test_hostile_ids_stay_one_path_segment(client: HordeClient, horde: FakeHorde) -> None:
    """An id with slashes and dots cannot reach another endpoint."""
    await client.status("../../find_user?x=")
    assert horde.paths() == ["/api/v2/generate/status/..%2F..%2Ffind_user%3Fx%3D"]


async def test_the_horde_decides_about_a_job_that_is_gone(home: HordeClient, largesse: FakeHorde) -> None:
    """A step report about a job that nobody knows any more means: stop."""
    largesse.answers["POST /api/largesse/v1/generate/progress"] = (404, {"message": "gone", "rc": "InvalidJobID"})
    assert not (await home.progress(ProgressRequest(id="j", step=1, steps=9))).wanted
    largesse.answers["POST /api/largesse/v1/generate/progress"] = (200, {"wanted": True})
    assert (await home.progress(ProgressRequest(id="j", step=2, steps=9))).wanted


@pytest.mark.parametrize("status", [404, 405])
async def test_a_horde_without_progress_is_asked_once(client: HordeClient, horde: FakeHorde, status: int) -> None:
    """That a foreign horde lacks our endpoint is remembered; its jobs stay wanted."""
    horde.answers["POST /api/largesse/v1/generate/progress"] = (status, {"message": "not here"})
    for step in range(3):
        assert (await client.progress(ProgressRequest(id="j", step=step, steps=9))).wanted
    assert horde.paths() == ["/api/largesse/v1/generate/progress"]


async def test_a_job_and_its_delivery(client: HordeClient, horde: FakeHorde) -> None:
    """A pop with additive fields, an upload without Content-Type and key, and a submit: a worker's round."""
    upload = horde.picture("up")
    horde.answers["POST /api/v2/generate/pop"] = (
        200,
        {"id": "a", "ids": ["a"], "model": "m", "payload": {"prompt": "x", "seed": 3}, "r2_uploads": [upload]},
    )
    job = await client.pop(PopRequest(name="w", models=["mmm"], wait=1, capabilities=["seeds"], session="s"))
    assert (job.model, job.payload.seed, job.payload.ddim_steps) == ("m", "3", 30)
    await client.upload((job.r2_uploads or [""])[0], b"picture")
    assert (await client.submit(SubmitRequest(id="a", generation="R2", seed=3))).reward == 10.0
    pop, put, submit = horde.seen
    assert pop.json()["capabilities"] == ["seeds"]
    assert put.body == b"picture"
    assert "Content-Type" not in put.headers
    assert "apikey" not in put.headers
    assert submit.json() == {"id": "a", "generation": "R2", "seed": 3}
