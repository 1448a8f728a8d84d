"""Training goes on where it stopped, as if it had never stopped."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from training.loop import Training, Workplace, learning_rate


def _train(folder: Path, total: int, *, stop_after: int | None = None) -> list[float]:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    workplace = Workplace(folder, torch.device("cpu"))
    training = Training("line", workplace, total, 7, {"model": model, "optimizer": optimizer})
    for step, rng in training.steps():
        noise = torch.randn(3)
        model(noise * rng.random()).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        if step + 1 == stop_after:
            training.save(step + 1)
            break
    return [float(value) for value in model.weight.detach().flatten()]


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    """Stopped after 4 of 9 steps and started again: the same weights to the last bit."""
    straight = _train(tmp_path / "straight", 9)
    _train(tmp_path / "broken", 9, stop_after=4)
    assert _train(tmp_path / "broken", 9) == straight


def test_a_finished_training_does_nothing_more(tmp_path: Path) -> None:
    """Running it again keeps the weights."""
    assert _train(tmp_path, 5) == _train(tmp_path, 5)


def test_the_rate_rises_stays_and_falls() -> None:
    """Warm-up, plateau and decay to nothing."""
    rates = [learning_rate(step, 1000, 1.0) for step in (0, 99, 500, 850, 999)]
    assert rates[0] < 0.02
    assert rates[1] == rates[2] == 1.0
    assert rates[3] == pytest.approx(0.5)
    assert rates[4] < 0.01


def test_steps_have_their_own_randomness(tmp_path: Path) -> None:
    """Every step's random source is another one, and the same at every start."""
    workplace = Workplace(tmp_path, torch.device("cpu"))
    runs = [[rng.random() for _, rng in Training(f"n{n}", workplace, 3, 1, {}).steps()] for n in (1, 1, 2)]
    assert len(set(runs[0])) == 3
    assert runs[1] == []
    assert runs[2] != runs[0]
