"""The renderer as the worker starts it: by name, in processes of its own."""

import asyncio
import base64
import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import ModelUnusable
from core.worker.device import Device
from core.worker.diffusion.render import DiffusionRenderer
from core.worker.process import Setting
from core.worker.renderer import DrawJob, Drawn, ModelEntry

ROOT = Path(__file__).parents[3]
DRAW = """
import base64, json, pickle, sys
from pathlib import Path
from core.errors import ModelUnusable
from core.worker.device import Device
from core.worker.diffusion.render import DiffusionRenderer
entry, jobs = pickle.load(sys.stdin.buffer)
renderer = DiffusionRenderer("cpu", 1)
renderer.load(entry)
pictures = [
    renderer.draw([job], on_step=lambda step, steps: None, wanted=lambda name: True)[0].picture for job in jobs
]
Path(sys.argv[1]).write_text(json.dumps([base64.b64encode(picture).decode() for picture in pictures]))
"""


def test_another_process_draws_the_same_pictures_and_stays_quiet(
    tiny: ModelEntry, job: Callable[..., DrawJob], draw: Callable[..., list[Drawn]], tmp_path: Path
) -> None:
    """The same job gives the same file after a restart, and the libraries print nothing of their own."""
    asked = [job(sampler=sampler, karras=True) for sampler in ("k_euler_a", "k_dpmpp_sde", "DDIM")]
    done = subprocess.run(
        [sys.executable, "-c", DRAW, tmp_path / "pictures"],
        input=pickle.dumps((tiny, asked)),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "default"},
    )
    there = [base64.b64decode(text) for text in json.loads((tmp_path / "pictures").read_text())]
    assert there == [draw(one)[0].picture for one in asked]
    noise = [line for line in done.stderr.decode().splitlines() if "Warning" in line or "torchvision" in line]
    assert noise == []


async def test_device_process_draws_cancels_and_refuses(
    tiny: ModelEntry, job: Callable[..., DrawJob], draw: Callable[..., list[Drawn]], tmp_path: Path
) -> None:
    """In the worker's own device process: the same picture, damaged models refused, a drawing stopped on the way."""
    device = Device(Setting(renderer="core.worker.diffusion.render:DiffusionRenderer", device="cpu", threads=1))
    try:
        await device.start()
        with pytest.raises(ModelUnusable, match="there is no folder"):
            await device.load(dataclasses.replace(tiny, name="other", path=tmp_path / "none"))
        await device.load(tiny)
        (drawn,) = await device.draw([job()], on_step=lambda _step, _steps: None)
        assert drawn.picture == draw(job())[0].picture
        told: list[int] = []
        takes_back: list[asyncio.Task[None]] = []

        def stop_soon(step: int, _steps: int) -> None:
            told.append(step)
            if step == 3:
                takes_back.append(asyncio.create_task(device.unwant("job-0")))

        assert await device.draw([job(steps=500)], on_step=stop_soon) == []
        assert 3 <= told[-1] < 400
    finally:
        await device.close()


def test_auto_has_a_device() -> None:
    """There is always at least the processor."""
    assert DiffusionRenderer.devices()
