"""Trains the UNet on the bank's latents, and with it the pipeline's text encoder, which `text` has prepared.

v-prediction, min-SNR weights, caption dropout for guidance, moving averages of the weights: the averages are exported.
"""

import random
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from training.bank import Bank, Views
from training.captions import caption
from training.loop import Training, Workplace, learning_rate
from training.presets import Preset
from training.scene import Scene
from training.text import load_text, text_config
from training.tokens import encode, new_tokenizer
from training.vae import FACTOR, LATENT_CHANNELS

_DROPOUT = 0.1
# Errors of v count fully wherever noise prevails: there the words decide what is drawn and where. Only the nearly
# noiseless end counts less, as min-SNR weighting would have it.
_SNR_LIMIT = 5.0
_TOWARDS_DETAIL = 1.3  # exponent above 1: a little more of the training happens at low noise
# Errors on the thing count more than those on the plain background around it, which is learnt within minutes.
_THING_WEIGHT = 2.0
_USUAL_COVER = 0.25
_AVERAGE_DECAY = 0.998
_TEXT_RATE_PART = 0.3

# A longer noise tail than usual: hardly any signal is left at the last step, so plain backgrounds come out plain,
# and every sampler can use the schedule without a special flag.
SCHEDULE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.02,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
}


def new_unet(preset: Preset) -> UNet2DConditionModel:
    """Build the UNet, untrained."""
    return UNet2DConditionModel(
        sample_size=preset.side // FACTOR,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=preset.unet_channels,
        layers_per_block=preset.unet_layers,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=preset.clip_width,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=16,
        use_linear_projection=True,
        # The words also reach every block's norms, beside the time: what is said of the whole picture is learnt
        # several times sooner than through cross attention alone.
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
        resnet_time_scale_shift="scale_shift",
    )


class Painter(nn.Module):
    """The two networks that are trained together: text encoder and UNet."""

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: torch.Tensor, steps: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Predict v for noisy latents at the given timesteps under the captions in `tokens`."""
        words = self.text_encoder(input_ids=tokens).last_hidden_state
        return self.unet(noisy, steps, words).sample


class Average:
    """An exponential moving average of a module's weights."""

    def __init__(self, module: nn.Module) -> None:
        self._weights = {name: weight.detach().clone() for name, weight in module.state_dict().items()}

    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's weights; quickly at first, slowly later."""
        pace = 1 - min(_AVERAGE_DECAY, (1 + step) / (10 + step))
        for name, weight in module.state_dict().items():
            if weight.is_floating_point():
                self._weights[name].lerp_(weight.detach(), pace)

    def state_dict(self) -> dict[str, Any]:
        """Give the averaged weights, under the module's own names."""
        return self._weights

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put saved averages back."""
        self._weights = dict(state_dict)


def _tokens(tokenizer: CLIPTokenizer, scenes: list[Scene], rng: random.Random) -> torch.Tensor:
    return encode(tokenizer, ["" if rng.random() < _DROPOUT else caption(scene, rng) for scene in scenes])


def new_noising() -> DDPMScheduler:
    """Build what adds noise to the latents."""
    return DDPMScheduler(**SCHEDULE)


def denoising_loss(painter: Painter, noising: DDPMScheduler, views: Views, tokens: torch.Tensor) -> torch.Tensor:
    """Compare what the networks predict for noisy views with the truth; the noise is drawn from torch's generator."""
    latents = views.latents
    last = SCHEDULE["num_train_timesteps"] - 1
    steps = (torch.rand(len(latents), device=latents.device) ** _TOWARDS_DETAIL * last).round().long()
    noise = torch.randn_like(latents)
    noisy = noising.add_noise(latents, noise, steps)
    with torch.autocast(latents.device.type, torch.bfloat16):
        drawn = painter(noisy, steps, tokens)
    kept = noising.alphas_cumprod.to(latents.device)[steps]
    weights = (1 / (1 - kept)).clamp(max=_SNR_LIMIT + 1) * (1 - kept)  # min(SNR + 1, limit + 1) / (SNR + 1)
    errors = (drawn.float() - noising.get_velocity(latents, noise, steps)).square().mean(1)
    where = 1 + _THING_WEIGHT * views.cover
    return (weights * (where * errors).mean((1, 2))).mean() / (1 + _THING_WEIGHT * _USUAL_COVER)


def _new_painter(preset: Preset, workplace: Workplace) -> Painter:
    return ready_to_learn(Painter(new_unet(preset), load_text(preset, workplace)), workplace.device)


def ready_to_learn(painter: Painter, device: torch.device) -> Painter:
    """Move the networks to the device, in the form in which they learn fastest there."""
    if device.type == "cpu":  # plain attention learns faster here than the fused kind
        painter.unet.set_attn_processor(AttnProcessor())
        painter.text_encoder.set_attn_implementation("eager")
    return painter.to(device, memory_format=torch.channels_last)


def train_unet(preset: Preset, workplace: Workplace) -> None:
    """Train the pipeline's UNet and text encoder up to the preset's number of steps; goes on where it was left."""
    torch.manual_seed(preset.seed)
    painter = _new_painter(preset, workplace)
    tokenizer, bank = new_tokenizer(preset.things), Bank(preset, workplace)
    noising = new_noising()
    groups = [
        {"params": list(painter.unet.parameters()), "part": 1.0},
        {"params": list(painter.text_encoder.parameters()), "part": _TEXT_RATE_PART},
    ]
    optimizer = torch.optim.AdamW(groups, preset.unet_rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True)
    average = Average(painter)
    parts = {"painter": painter, "optimizer": optimizer, "average": average}
    training = Training("unet", workplace, preset.unet_steps, preset.seed, parts)
    for step, rng in training.steps():
        views = bank.batch(step, rng).to(workplace.device)
        rate = learning_rate(step, preset.unet_steps, preset.unet_rate, warm_up=300, decay=0.5)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["part"]
        tokens = _tokens(tokenizer, views.scenes, rng).to(workplace.device)
        loss = denoising_loss(painter, noising, views, tokens)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(painter.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update(painter, step)
        training.note(loss)


def load_averages(preset: Preset, workplace: Workplace) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Load the averaged networks that training has reached so far.

    Raises:
        FileNotFoundError: none has been trained in this workplace.
    """
    saved = torch.load(workplace.file("unet.pt"), map_location="cpu", weights_only=True)["parts"]["average"]
    painter = Painter(new_unet(preset), CLIPTextModel(text_config(preset, new_tokenizer(preset.things))))
    painter.load_state_dict(saved)
    return painter.unet.eval(), painter.text_encoder.eval()
