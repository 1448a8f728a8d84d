"""How fast one process draws, next to the bare diffusers pipeline: `python -m bench.draw [--quick]`.

Same model, same words, same steps and size, in turns within one run, so that a busy machine slows both. `ratio` is the
bare loop's time divided by ours: 1 = nothing of ours costs anything. Ours includes progress, the checks and the
finished webp file with its parameters; the bare loop ends with the picture in memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.worker.renderer import DrawJob, Family, Form, ModelEntry

LITTLE = Path(__file__).resolve().parents[1] / "models" / "little"
STEPS = (8, 12, 20)
BATCH = 4
PROMPT = "a red apple on a blue background"
SAMPLER = "k_euler_a"
GUIDANCE = 4.0


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def jobs(model: ModelEntry, steps: int, count: int) -> list[DrawJob]:
    """A batch at the model's own size."""
    side = model.native_size
    return [
        DrawJob(
            id=str(seed),
            model=model.name,
            prompt=PROMPT,
            width=side,
            height=side,
            steps=steps,
            sampler=SAMPLER,
            cfg_scale=GUIDANCE,
            seed=seed,
        )
        for seed in range(count)
    ]


def bare_loop(model: ModelEntry, device: str) -> Callable[[int], object]:
    """The pipeline alone, as its documentation shows it, in the number format that ours uses."""
    import torch
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    from core.worker.diffusion.libraries import overheard
    from core.worker.diffusion.loading import dtype_for

    with overheard():
        pipe: Any = StableDiffusionPipeline.from_pretrained(model.path, dtype=dtype_for(device, model.family)).to(
            device
        )
    pipe.set_progress_bar_config(disable=True)

    def draw(steps: int) -> object:
        with overheard(), torch.inference_mode():
            return pipe(
                PROMPT,
                num_inference_steps=steps,
                guidance_scale=GUIDANCE,
                width=model.native_size,
                height=model.native_size,
                generator=torch.Generator("cpu").manual_seed(0),
            ).images

    return draw


def measure(model: ModelEntry, *, rounds: int) -> dict[str, float | str]:
    """All figures: seconds unless the name says otherwise."""
    began = time.perf_counter()
    from core.worker.diffusion.render import DiffusionRenderer

    device = DiffusionRenderer.devices()[0]
    renderer = DiffusionRenderer(device, 0)
    figures: dict[str, float | str] = {"device": device, "start": time.perf_counter() - began}

    def ours(steps: int, count: int) -> object:
        return renderer.draw(jobs(model, steps, count), on_step=lambda _step, _steps: None, wanted=lambda _name: True)

    figures["load"] = timed(lambda: renderer.load(model))
    figures["first_picture"] = timed(lambda: ours(STEPS[0], 1))
    bare = bare_loop(model, device)
    bare(STEPS[0])
    for steps in STEPS:
        pairs = [(timed(lambda: ours(steps, 1)), timed(lambda: bare(steps))) for _ in range(rounds)]  # noqa: B023 - called at once
        figures[f"ours_{steps}"] = statistics.median(pair[0] for pair in pairs)
        figures[f"bare_{steps}"] = statistics.median(pair[1] for pair in pairs)
        figures[f"ratio_{steps}"] = statistics.median(pair[1] / pair[0] for pair in pairs)
    ours(STEPS[0], BATCH)
    batched = statistics.median(timed(lambda: ours(STEPS[1], BATCH)) for _ in range(rounds))
    figures[f"ours_{STEPS[1]}_in_batch_of_{BATCH}"] = batched / BATCH
    return figures


def show(figures: dict[str, float | str]) -> None:
    """The table for people."""
    print(f"on {figures['device']}: libraries {figures['start']:.2f} s, model {figures['load']:.2f} s, ", end="")
    print(f"first picture {figures['first_picture']:.2f} s\n")
    print(f"{'steps':>5} {'ours s':>8} {'bare s':>8} {'ratio':>6}")
    for steps in STEPS:
        ours, bare, ratio = (figures[f"{name}_{steps}"] for name in ("ours", "bare", "ratio"))
        print(f"{steps:>5} {ours:>8.3f} {bare:>8.3f} {ratio:>6.2f}")
    name = f"ours_{STEPS[1]}_in_batch_of_{BATCH}"
    print(f"\nin a batch of {BATCH}, {STEPS[1]} steps: {figures[name]:.3f} s for each picture")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 25")
    parser.add_argument(
        "--model", type=Path, default=LITTLE, help="a Stable Diffusion 1 folder; default the little one"
    )
    parser.add_argument("--size", type=int, default=64, help="its native side in pixels")
    chosen = parser.parse_args()
    model = ModelEntry(name="measured", family=Family.SD1, form=Form.FOLDER, path=chosen.model, native_size=chosen.size)
    figures = measure(model, rounds=5 if chosen.quick else 25)
    show(figures)
    print(json.dumps({name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}))


if __name__ == "__main__":
    main()
