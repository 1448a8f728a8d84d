"""The whole worker on real device processes against a coordinator double: the ways of a job, and of a stop."""

from __future__ import annotations

import asyncio
import base64
import io
from pathlib import Path

import pytest
from PIL import Image
from pydantic import SecretStr

from core.errors import ConfigError
from core.settings import Settings
from core.worker import provenance
from core.worker.pool import run_worker
from tests.doubles.pop_server import PopServer
from tests.worker.conftest import Running, Start


async def test_a_job_is_drawn_uploaded_and_handed_in(server: PopServer, start: Start) -> None:
    """Each job of a pop is PUT to its own address and submitted once, with its own seed and its parameters inside."""
    server.offer("a", "b", prompt="a cat ### dog", seeds=["7", "8"])
    running = await start(name="mine", blacklist=["word"], max_pixels=4096)
    await server.until(lambda: len(server.submits) == 2)
    await running.drain()
    assert {submit["id"]: (submit["generation"], submit["seed"], submit["state"]) for submit in server.submits} == {
        "a": ("R2", 7, "ok"),
        "b": ("R2", 8, "ok"),
    }
    values = provenance.read(server.uploads["b"])
    assert (values["prompt"], values["negative_prompt"], values["seed"]) == ("a cat", "dog", 8)
    with Image.open(io.BytesIO(server.uploads["a"])) as picture:
        assert (picture.format, picture.size) == ("WEBP", (64, 64))
    pop = server.pops[0]
    assert (pop["name"], pop["models"], pop["blacklist"], pop["max_pixels"]) == ("mine", ["little"], ["word"], 4096)
    assert pop["allow_post_processing"] is False
    assert {body["session"] for body in server.pops} == {pop["session"]}
    assert {report["id"] for report in server.reports} == {"a", "b"}


async def test_a_picture_without_address_travels_in_the_submit(server: PopServer, start: Start) -> None:
    """Without an upload address, or where it is refused, the picture goes along as base64."""
    await start()
    server.offer("a", upload=False)
    await server.until(lambda: "a" in server.states())
    server.refuse_upload = 403
    server.offer("b")
    await server.until(lambda: "b" in server.states())
    for submit in server.submits:
        assert provenance.read(base64.b64decode(submit["generation"]))["prompt"] == "a cat"


async def test_the_next_jobs_are_fetched_while_one_renders(server: PopServer, start: Start) -> None:
    """Before the first picture is handed in, the worker has asked for more and shares its steps with nobody."""
    server.offer("a", prompt="[[slow]]", ddim_steps=20)
    await start()
    await server.until(lambda: bool(server.reports))
    server.offer("b")
    await server.until(lambda: len(server.pops) >= 2)
    assert not server.submits
    await server.until(lambda: len(server.submits) == 2)
    assert [submit["id"] for submit in server.submits] == ["a", "b"]


async def test_compatible_jobs_of_different_requests_are_drawn_together(server: PopServer, start: Start) -> None:
    """Two waiting jobs that differ in text only go side by side; one of another size does not go with them."""
    server.offer("first", prompt="[[slow]]", ddim_steps=3)
    running = await start(max_batch=4)
    await server.until(lambda: "first" in server.states())
    server.offer("blocker", prompt="[[slow]]", ddim_steps=8)
    await server.until(lambda: any(report["id"] == "blocker" for report in server.reports))
    server.offer("a", prompt="[[slow]] a", ddim_steps=5)
    server.offer("big", width=128)
    server.offer("b", prompt="[[slow]] b", ddim_steps=5)
    await server.until(lambda: {"a", "b", "big"} <= set(server.states()))
    order = [report["id"] for report in server.reports if report["id"] in ("a", "b", "big")]
    assert order.index("b") < len(order) - 1 - order[::-1].index("a")
    assert order.index("big") > order.index("b")
    await running.drain()


async def test_a_cancelled_job_is_dropped_in_the_middle(server: PopServer, start: Start) -> None:
    """When the coordinator says that nobody wants it, the device goes on to the next job and nothing is handed in."""
    server.offer("a", prompt="[[slow]]", ddim_steps=500)
    await start()
    await server.until(lambda: bool(server.reports))
    server.unwanted.add("a")
    server.offer("b")
    await server.until(lambda: "b" in server.states(), seconds=10)
    assert "a" not in server.states()


async def test_a_horde_without_progress_reports_gets_none(server: PopServer, start: Start) -> None:
    """404 at our own address is not a reason to stop drawing, and is asked for only once."""
    server.takes_reports = False
    server.offer("a")
    server.offer("b")
    await start()
    await server.until(lambda: len(server.submits) == 2)
    assert server.states() == {"a": ["ok"], "b": ["ok"]}


@pytest.mark.parametrize(
    "refusal",
    [
        (400, {"message": "Processing Job with ID a already submitted", "rc": "DuplicateGen"}),
        (404, {"message": "Processing Job with ID a does not exist.", "rc": "InvalidJobID"}),
        (400, {"message": "Please check your worker speed", "rc": "AbortedGen"}),
        (403, {"message": "Wrong credentials", "rc": "WrongCredentials"}),
    ],
)
async def test_a_settled_job_is_not_handed_in_again(
    refusal: tuple[int, dict[str, str]], server: PopServer, start: Start
) -> None:
    """Already submitted, unknown by now, given to somebody else: each counts as settled, and the worker goes on."""
    server.refuse_submit = refusal
    server.offer("a")
    running = await start()
    await server.until(lambda: "a" in server.states())
    server.refuse_submit = None
    server.offer("b")
    await server.until(lambda: "b" in server.states())
    await running.drain()
    assert server.states() == {"a": ["ok"], "b": ["ok"]}


async def test_a_stop_finishes_what_runs_and_gives_back_the_rest(server: PopServer, start: Start) -> None:
    """After a stop the picture that was being drawn arrives, the waiting ones are given back, the worker is gone."""
    for name in ("warm", "warmer", "warmest"):
        server.offer(name)
    running = await start(max_batch=2)
    await server.until(lambda: len(server.submits) == 3)
    server.offer("drawn", prompt="[[slow]]", ddim_steps=10)
    await server.until(lambda: any(report["id"] == "drawn" for report in server.reports))
    server.offer("rest", width=128)
    await server.until(lambda: len(server.pops) >= 6)
    await running.drain()
    states = server.states()
    assert states["drawn"] == ["ok"]
    assert states["rest"] == ["faulted"]
    assert running.devices() == []


async def test_a_cancelled_worker_ends_at_once(server: PopServer, start: Start) -> None:
    """The second signal cancels: the device process is gone, nothing waits for the picture."""
    server.offer("a", prompt="[[slow]]", ddim_steps=500)
    running = await start()
    await server.until(lambda: bool(server.reports))
    running.task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(running.task, return_exceptions=True)
    assert running.devices() == []


async def test_sources_are_fetched_first(server: PopServer, start: Start) -> None:
    """A source picture is fetched for the renderer; one that is not there gives the job back, saying so."""
    server.pictures["x.webp"] = provenance.encode(Image.new("RGB", (64, 64)), {})
    await start()
    server.offer("a", source_image=f"{server.url}/pictures/x.webp", denoising_strength=0.5)
    await server.until(lambda: "a" in server.states())
    server.offer("b", source_image=f"{server.url}/pictures/absent.webp")
    await server.until(lambda: "b" in server.states())
    assert provenance.read(server.uploads["a"])["source_processing"] == "img2img"
    assert server.states()["b"] == ["faulted"]
    assert server.submits[-1]["gen_metadata"] == [{"type": "source_image", "value": "download_failed"}]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((401, {"message": "No user matching sent API Key.", "rc": "InvalidAPIKey"}), "does not accept this key"),
        ((403, {"message": "Wrong credentials for worker.", "rc": "WrongCredentials"}), "worker.name"),
        (
            (
                400,
                {"message": "Unfortunately we cannot accept workers serving unrecognised models", "rc": "BadRequest"},
            ),
            "knows none of the models little",
        ),
        ((403, {"message": "Invitation only.", "rc": "WorkerInviteOnly"}), "gives no work"),
    ],
)
async def test_a_worker_that_is_not_accepted_says_why(
    refusal: tuple[int, dict[str, str]], words: str, server: PopServer, start: Start
) -> None:
    """What only the operator can mend ends the worker with a sentence that names the setting."""
    server.refuse_pop = refusal
    running = await start()
    with pytest.raises(ConfigError, match=words):
        async with asyncio.timeout(20):
            await running.task


async def test_maintenance_is_waited_out(server: PopServer, start: Start) -> None:
    """A worker in maintenance asks again, slowly, and works when it is over."""
    server.refuse_pop = (403, {"message": "worker is in maintenance mode: tea", "rc": "WorkerMaintenance"})
    await start()
    await server.until(lambda: len(server.pops) >= 2)
    server.refuse_pop = None
    server.offer("a")
    await server.until(lambda: server.states() == {"a": ["ok"]})


async def test_nobody_sends_a_worker_away_for_a_year(server: PopServer, start: Start) -> None:
    """A Retry-After beyond reason, from the coordinator or a proxy before it, is obeyed only so far."""
    server.refuse_pop, server.retry_after = (503, {"message": "later"}), "31536000"
    await start()
    await server.until(lambda: len(server.pops) >= 2)
    server.refuse_pop = None
    server.offer("a")
    await server.until(lambda: server.states() == {"a": ["ok"]})


async def test_a_broken_model_is_left_out_and_the_others_are_offered(server: PopServer, start: Start) -> None:
    """One bad model does not keep the worker from drawing with another; with none left it says why."""
    await start(models=["unusable", "little"])
    await server.until(lambda: bool(server.pops))
    assert server.pops[0]["models"] == ["little"]
    with pytest.raises(ConfigError, match=r"no model to offer.*'unusable' cannot be used"):
        await start(models=["unusable"])
    with pytest.raises(ConfigError, match="nowhere/little does not exist"):
        await start(models=["little"], renderer="diffusion")


async def test_every_device_draws(server: PopServer, start: Start) -> None:
    """Two devices are two processes that draw at the same time."""
    server.offer("a", prompt="[[slow]]", ddim_steps=20)
    server.offer("b", prompt="[[slow]] other", ddim_steps=21)
    running = await start(devices=["cpu", "other"], max_batch=1)
    assert len(running.devices()) == 2
    await server.until(lambda: {"a", "b"} <= {report["id"] for report in server.reports})
    assert not server.submits
    assert server.pops[0]["threads"] == 2


async def test_a_stop_during_the_start_ends_it(tmp_path: Path) -> None:
    """Who stops the worker while devices start need not wait for them: no pop, nothing left running."""
    stop = asyncio.Event()
    settings = Settings.model_validate({"worker": {"renderer": "fake"}, "general": {"data_dir": tmp_path}})
    work = run_worker(settings, api_key=SecretStr("k"), horde_url="http://127.0.0.1:9", ready=_never, stop=stop)
    running = asyncio.create_task(work)
    async with asyncio.timeout(10):
        while not Running.devices():  # noqa: ASYNC110  # a process tells nobody that it has begun
            await asyncio.sleep(0.01)
        stop.set()
        await running
    assert Running.devices() == []


def _never() -> None:
    pytest.fail("it was not ready")
