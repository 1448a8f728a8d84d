"""The reference of models: what a request goes against is said, and models are told apart by whether they are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.contract.generate import GenerateRequest
from core.contract.names import WarningCode
from core.coordinator.rules import reference
from core.errors import ConfigError

FILE = """
["little"]
min_steps = 4
max_steps = 8
clip_skip = 1
min_cfg_scale = 2
max_cfg_scale = 7
samplers = ["k_euler_a", "k_euler"]
schedulers = ["karras"]

["exact"]
cfg_scale = 1.5
"""
ASYNC = "/api/v2/generate/async"


@pytest.fixture
def known(tmp_path: Path) -> Path:
    file = tmp_path / "reference.toml"
    file.write_text(FILE)
    return file


@pytest.mark.parametrize(
    ("model", "params", "code"),
    [
        ("little", {"steps": 3}, WarningCode.STEPS_TOO_FEW),
        ("little", {"steps": 9}, WarningCode.STEPS_TOO_MANY),
        ("little", {"clip_skip": 2}, WarningCode.CLIP_SKIP_MISMATCH),
        ("little", {"cfg_scale": 1.5}, WarningCode.CFG_SCALE_TOO_SMALL),
        ("little", {"cfg_scale": 9}, WarningCode.CFG_SCALE_TOO_LARGE),
        ("exact", {"cfg_scale": 2}, WarningCode.CFG_SCALE_MISMATCH),
        ("little", {"sampler_name": "lcm"}, WarningCode.SAMPLER_MISMATCH),
        ("little", {"karras": False}, WarningCode.SCHEDULER_MISMATCH),
        ("little", {}, None),
        ("unheard of", {"steps": 500}, None),
    ],
)
def test_each_code_is_given(known: Path, model: str, params: dict[str, Any], code: WarningCode | None) -> None:
    """Every wish that a model can have gives its own code, and a request that fits gives none."""
    request = GenerateRequest.read({"prompt": "x", "models": [model], "params": {"steps": 5, **params}})
    found = reference.load(known).warnings(request)
    assert [notice.code for notice in found] == ([] if code is None else [code])
    assert all(notice.message.startswith(f"{model}: ") for notice in found)


async def test_a_request_against_a_model_is_accepted_with_a_warning(start: Any, known: Path) -> None:
    """The 202 carries the warning beside the one that nobody is there, and the picture is drawn all the same."""
    async with start(reference_file=known) as horde:
        params = {"width": 64, "height": 64, "steps": 20}
        answer = await horde.post(ASYNC, {"prompt": "x", "models": ["little"], "params": params})
        assert answer.status == 202
        assert [one["code"] for one in answer.json["warnings"]] == ["NoAvailableWorker", "StepsTooMany"]
        assert (await horde.pop())["id"] is not None
        fits = await horde.post(ASYNC, {"prompt": "x", "models": ["little"], "params": {**params, "steps": 8}})
        assert "warnings" not in fits.json


async def test_known_and_custom_models_are_told_apart(start: Any, known: Path) -> None:
    """Lists of models hold the known ones, the others, or all."""
    async with start(reference_file=known) as horde:
        await horde.ask(models=["little", "of my own"])
        await horde.pop(models=["little", "of my own"])
        await horde.ask(models=["of my own"])
        for state, names in (("known", {"little"}), ("custom", {"of my own"}), ("all", {"little", "of my own"})):
            listed = (await horde.get(f"/api/v2/status/models?model_state={state}")).json
            assert {one["name"] for one in listed} == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["m"]\nmin_steps = 0\n', r"min_steps.*found 0"),
        ('["m"]\nsteps = 5\n', r"steps"),
        ('["m"]\nsamplers = ["oil"]\n', r"samplers.*oil"),
        ("m = 5\n", r"found 5"),
        ("[[[", r"cannot be read"),
    ],
)
def test_a_wrong_file_is_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    """The coordinator does not start with a reference that it cannot read, and says where it is wrong."""
    file = tmp_path / "reference.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=rf"reference\.toml: .*{words}"):
        reference.load(file)


def test_the_bundled_file_is_right(tmp_path: Path) -> None:
    """The file that comes with Largesse reads, and a missing one knows no models."""
    assert reference.load(Path(__file__).parents[3] / "config/reference.toml").knows("little")
    assert not reference.load(tmp_path / "none.toml").knows("little")
