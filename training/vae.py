"""Trains the autoencoder: pictures to latents of a quarter of the side, and back. `bank` encodes with it.

First both halves together, then the decoder alone, so that latents made meanwhile stay valid.
"""

import random
from typing import cast

import torch
from diffusers import AutoencoderTiny
from torch.nn import functional

from training.loop import Training, Workplace, learning_rate, save_atomically
from training.pictures import as_array, paint
from training.presets import Preset
from training.scene import random_scene
from training.things import THINGS

FACTOR = 4
LATENT_CHANNELS = 8  # with the usual four, faces and spokes blur: at this size detail is all there is
_LATENT_NOISE = 0.05
_PEAK_RATE = 2e-3
_DECODER_RATE = 1e-3


def new_vae(preset: Preset, *, scaling_factor: float = 1.0) -> AutoencoderTiny:
    """Build the autoencoder, untrained."""
    widths = (preset.vae_width,) * 3
    return AutoencoderTiny(
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        num_encoder_blocks=(1, 2, 3),
        num_decoder_blocks=(3, 3, 1),
        latent_channels=LATENT_CHANNELS,
        scaling_factor=scaling_factor,
    )


def picture_batch(rng: random.Random, preset: Preset, count: int) -> torch.Tensor:
    """Paint `count` random scenes: float32, (count, 3, side, side), -1..1."""
    things = THINGS[: preset.things]
    return torch.stack(
        [torch.from_numpy(as_array(paint(random_scene(rng, things), preset.side))) for _ in range(count)]
    )


def _edges(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return pictures[..., 1:] - pictures[..., :-1], pictures[..., 1:, :] - pictures[..., :-1, :]


def _likeness_loss(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    loss = functional.l1_loss(drawn, wanted) + functional.mse_loss(drawn, wanted)
    for edge, wanted_edge in zip(_edges(drawn), _edges(wanted), strict=True):
        loss = loss + functional.l1_loss(edge, wanted_edge)
    return loss


def _latent_penalty(latents: torch.Tensor) -> torch.Tensor:
    """Hold every channel near mean 0 and spread 1, which is what the diffusion starts from."""
    means = latents.mean((0, 2, 3))
    spreads = latents.std((0, 2, 3))
    return 0.05 * (means.square().mean() + (spreads - 1).square().mean())


def _train(vae: AutoencoderTiny, preset: Preset, workplace: Workplace, *, decoder_only: bool) -> None:
    for parameter in vae.encoder.parameters():
        parameter.requires_grad = not decoder_only
    peak = _DECODER_RATE if decoder_only else _PEAK_RATE
    optimizer = torch.optim.AdamW([p for p in vae.parameters() if p.requires_grad], peak, weight_decay=1e-4, fused=True)
    total = preset.vae_decoder_steps if decoder_only else preset.vae_steps
    name = "decoder" if decoder_only else "vae"
    training = Training(name, workplace, total, preset.seed, {"vae": vae, "optimizer": optimizer})
    for step, rng in training.steps():
        pictures = picture_batch(rng, preset, preset.vae_batch).to(workplace.device)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, total, peak)
        with torch.autocast(workplace.device.type, torch.bfloat16):
            latents = vae.encode(pictures).latents
            drawn = vae.decode(latents + _LATENT_NOISE * torch.randn_like(latents)).sample
        loss = _likeness_loss(drawn.float(), pictures) + _latent_penalty(latents.float())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        training.note(loss)


@torch.no_grad()
def _spread(vae: AutoencoderTiny, preset: Preset, workplace: Workplace) -> float:
    pictures = picture_batch(random.Random(preset.seed), preset, 256).to(workplace.device)
    return float(vae.encode(pictures).latents.std())


@torch.no_grad()
def fidelity(vae: AutoencoderTiny, preset: Preset, workplace: Workplace) -> float:
    """Measure the mean PSNR in dB over 128 pictures through encoder and decoder."""
    pictures = picture_batch(random.Random(-1), preset, 128).to(workplace.device)
    drawn = vae.decode(vae.encode(pictures).latents).sample.clamp(-1, 1)
    errors = ((drawn - pictures) / 2).square().mean((1, 2, 3))
    return float((-10 * errors.log10()).mean())


def train_encoder(preset: Preset, workplace: Workplace) -> None:
    """Train both halves and leave `vae-first` (weights and the latents' spread) in the workplace; done once."""
    done = workplace.file("vae-first.pt")
    if done.exists():
        return
    torch.manual_seed(preset.seed)
    vae = cast("AutoencoderTiny", new_vae(preset).to(workplace.device, memory_format=torch.channels_last))
    _train(vae, preset, workplace, decoder_only=False)
    save_atomically({"vae": vae.state_dict(), "scaling": 1 / _spread(vae, preset, workplace)}, done)
    print(f"vae: {fidelity(vae, preset, workplace):.1f} dB", flush=True)


def train_decoder(preset: Preset, workplace: Workplace) -> None:
    """Go on with the decoder alone and leave `vae-final` in the workplace; done once."""
    done = workplace.file("vae-final.pt")
    if done.exists():
        return
    vae = load_vae(preset, workplace)
    scaling = vae.config["scaling_factor"]
    _train(vae, preset, workplace, decoder_only=True)
    save_atomically({"vae": vae.state_dict(), "scaling": scaling}, done)
    print(f"vae, decoder trained on: {fidelity(vae, preset, workplace):.1f} dB", flush=True)


def load_vae(preset: Preset, workplace: Workplace) -> AutoencoderTiny:
    """Load the best autoencoder so far; its `scaling_factor` makes latents spread 1.

    Raises:
        FileNotFoundError: none has been trained in this workplace.
    """
    final = workplace.file("vae-final.pt")
    path = final if final.exists() else workplace.file("vae-first.pt")
    saved = torch.load(path, map_location=workplace.device, weights_only=True)
    vae = new_vae(preset, scaling_factor=float(saved["scaling"]))
    vae.load_state_dict(saved["vae"])
    return cast("AutoencoderTiny", vae.to(workplace.device, memory_format=torch.channels_last).eval())
