"""Command line of the workshop: `python -m training all` trains, exports and measures; single stages by name.

Every stage goes on where an interrupted one stopped: run the same command again.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from training.bank import shard
from training.clip import train_clip
from training.evaluate import evaluate
from training.export import export
from training.inversion import train_inversion
from training.judge import train_judge
from training.loop import Workplace
from training.lora import train_lora
from training.presets import PRESETS, Preset
from training.text import train_text
from training.unet import train_unet
from training.vae import train_decoder, train_encoder

_ROOT = Path(__file__).resolve().parent.parent


def _fill_bank(preset: Preset, workplace: Workplace) -> None:
    for number in range(preset.bank_shards):
        shard(preset, workplace, number)


STAGES: dict[str, Callable[[Preset, Workplace], None]] = {
    "vae": train_encoder,
    "text": train_text,
    "clip": train_clip,
    "bank": _fill_bank,
    "unet": train_unet,
    "decoder": train_decoder,
    "judge": train_judge,
    "export": export,
    "lora": train_lora,
    "inversion": train_inversion,
    "evaluate": evaluate,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train the bundled little model.")
    parser.add_argument("stage", choices=["all", *STAGES], help="all runs the others one after another")
    parser.add_argument("--preset", choices=list(PRESETS), default="cpu", help="how much to train (default: cpu)")
    parser.add_argument("--work", type=Path, default=_ROOT / ".cache" / "training", help="where checkpoints are kept")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu, cuda, ...")
    parser.add_argument(
        "--threads", type=int, default=1, help="CPU threads; one per process is fastest when others work"
    )
    return parser.parse_args()


def main() -> None:
    """Run the stages that the command line names."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    preset = PRESETS[arguments.preset]
    workplace = Workplace(arguments.work / preset.name, torch.device(arguments.device))
    for name in STAGES if arguments.stage == "all" else [arguments.stage]:
        print(f"-- {name}", flush=True)
        STAGES[name](preset, workplace)


if __name__ == "__main__":
    main()
