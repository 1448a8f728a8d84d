"""Device processes: real ones, killed, hung and orphaned."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from core.errors import ModelUnusable, OutOfMemory, RenderError
from core.worker import provenance
from core.worker.device import Device, DeviceGone, Patience
from core.worker.process import Setting
from core.worker.renderer import DrawJob, Family, Form, ModelEntry
from core.worker.sketches import MOST_BYTES

FAKE = Setting(renderer="core.worker.fake:FakeRenderer", log_level="ERROR")
HASTY = Patience(beat=20, start=60, load=20, step=1.0)
MODEL = ModelEntry(name="little", family=Family.SD1, form=Form.FOLDER, path=Path("nowhere"))


def ignore(step: int, steps: int) -> None:
    """No interest in progress."""


def job(prompt: str, *, name: str = "a", steps: int = 4) -> DrawJob:
    return DrawJob(id=name, model="little", prompt=prompt, width=64, height=64, steps=steps, seed=7)


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    running = Device(FAKE, patience=HASTY)
    await running.start()
    await running.load(MODEL)
    yield running
    await running.close()


async def test_a_picture_comes_back_with_its_steps(device: Device) -> None:
    """A job goes into the process and comes back as a picture; every step is told; auto has become a device."""
    steps: list[tuple[int, int]] = []
    drawn = await device.draw([job("a cat")], on_step=lambda step, of: steps.append((step, of)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [picture.job_id for picture in drawn] == ["a"]
    assert provenance.read(drawn[0].picture)["prompt"] == "a cat"
    assert device.name == "cpu"


async def test_previews_are_made_for_whoever_looks(device: Device) -> None:
    """A slow picture is seen before it is there, as a small webp file; nobody looking, none is made."""
    seen: list[tuple[str, bytes]] = []
    slow = job("[[slow]]", steps=8)
    await device.draw([slow], on_step=ignore, on_preview=lambda name, file: seen.append((name, file)))
    assert seen
    assert {(name, file[:4], file[8:12]) for name, file in seen} == {("a", b"RIFF", b"WEBP")}
    assert all(len(file) <= MOST_BYTES for _, file in seen)


@pytest.mark.parametrize(
    ("prompt", "error"),
    [("[[fail]]", RenderError), ("[[oom!]]", OutOfMemory), ("[[bug]]", RenderError)],
)
async def test_errors_arrive_as_themselves_and_the_process_stays(
    prompt: str, error: type[RenderError], device: Device
) -> None:
    """A render error keeps its class over the pipe, and the same process draws the next job."""
    pid = device.pid
    with pytest.raises(error):
        await device.draw([job(prompt)], on_step=ignore)
    assert len(await device.draw([job("fine")], on_step=ignore)) == 1
    assert device.pid == pid


async def test_an_unusable_model_is_said(device: Device) -> None:
    """A model that the renderer refuses is a ModelUnusable on this side too."""
    bad = ModelEntry(name="unusable", family=Family.SD1, form=Form.FOLDER, path=Path("nowhere"))
    with pytest.raises(ModelUnusable, match="unusable"):
        await device.load(bad)


@pytest.mark.parametrize("prompt", ["[[crash]]", "[[hang]]"])
async def test_a_process_that_dies_or_hangs_is_replaced(prompt: str, device: Device) -> None:
    """Death and standstill in the middle of the steps are noticed; after a new start it draws again."""
    with pytest.raises(DeviceGone, match=r"(ended|hung) while drawing"):
        await device.draw([job(prompt)], on_step=ignore)
    assert device.pid is None
    await device.start()
    await device.load(MODEL)
    assert len(await device.draw([job("fine")], on_step=ignore)) == 1


async def test_a_frozen_process_is_noticed_by_its_heartbeat() -> None:
    """A process that stands still as a whole is killed long before a step would be overdue."""
    device = Device(FAKE, patience=Patience(beat=2.5, start=60, load=60, step=60))
    await device.start()
    await device.load(MODEL)
    with pytest.raises(DeviceGone, match="hung"):
        async with asyncio.timeout(20):
            await device.draw([job("[[freeze]]")], on_step=ignore)
    await device.close()


async def test_a_cancelled_job_stops_in_the_middle(device: Device) -> None:
    """Taking a job back ends its steps; the rest of its batch is drawn."""
    batch = [job("[[slow]]", name="gone", steps=6), job("[[slow]]", name="kept", steps=6)]
    first = asyncio.Event()
    drawing = asyncio.create_task(device.draw(batch, on_step=lambda *_: first.set()))
    await first.wait()
    await device.unwant("gone")
    assert [picture.job_id for picture in await drawing] == ["kept"]
    alone = asyncio.create_task(device.draw([job("[[slow]]", name="b", steps=600)], on_step=ignore))
    await asyncio.sleep(0)
    await device.unwant("b")
    async with asyncio.timeout(5):
        assert list(await alone) == []


async def test_signals_are_the_parents_business(device: Device) -> None:
    """Ctrl-C and SIGTERM to the whole group leave the device process drawing, so that the parent can drain."""
    assert device.pid is not None
    os.kill(device.pid, signal.SIGINT)
    os.kill(device.pid, signal.SIGTERM)
    assert len(await device.draw([job("fine")], on_step=ignore)) == 1


async def test_a_process_killed_while_idle_is_noticed_at_the_next_job(device: Device) -> None:
    """Killed (-9) between two jobs loses nothing: the next draw says so, a new start works."""
    assert device.pid is not None
    os.kill(device.pid, signal.SIGKILL)
    with pytest.raises(DeviceGone):
        await device.draw([job("a")], on_step=ignore)
    await device.start()
    assert device.pid is not None


ORPHANS = """
import asyncio, sys
from core.worker.device import Device
from core.worker.process import Setting

async def main():
    device = Device(Setting(renderer="core.worker.fake:FakeRenderer"))
    await device.start()
    print(device.pid, flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """A kill -9 of the worker takes its device process along."""
    script = tmp_path / "parent.py"
    script.write_text(ORPHANS, encoding="utf-8")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, script], cwd=root, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        assert psutil.wait_procs([child], timeout=10)[1] == []
