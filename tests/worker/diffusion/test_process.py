"""The renderer as the worker starts it: by name, in processes of its own."""

import base64
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from core.worker.diffusion.render import DiffusionRenderer
from core.worker.renderer import DrawJob, Drawn, ModelEntry

ROOT = Path(__file__).parents[3]
DRAW = """
import base64, json, pickle, sys
from pathlib import Path
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


def test_auto_has_a_device() -> None:
    """There is always at least the processor."""
    assert DiffusionRenderer.devices()
