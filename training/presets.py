"""How much to train: every number that differs between a quick CPU model, a larger GPU one and a test run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """The sizes and lengths of one training; steps are batches, `side` is the picture's width and height in pixels."""

    name: str
    side: int
    things: int
    vae_width: int
    vae_batch: int
    vae_steps: int
    vae_decoder_steps: int
    text_steps: int
    clip_width: int
    clip_layers: int
    clip_vision_layers: int
    clip_batch: int
    clip_steps: int
    bank_shards: int
    shard_size: int
    unet_channels: tuple[int, ...]
    unet_layers: int
    unet_batch: int
    unet_steps: int
    unet_rate: float
    judge_steps: int
    lora_steps: int
    inversion_steps: int
    seed: int = 20


PRESETS: dict[str, Preset] = {
    "cpu": Preset(
        name="cpu",
        side=64,
        things=100,
        vae_width=32,
        vae_batch=8,
        vae_steps=3800,
        vae_decoder_steps=1500,
        text_steps=1000,
        clip_width=128,
        clip_layers=3,
        clip_vision_layers=4,
        clip_batch=64,
        clip_steps=2200,
        bank_shards=24,
        shard_size=4096,
        unet_channels=(64, 128, 192),
        unet_layers=1,
        unet_batch=32,
        unet_steps=20000,
        unet_rate=1.3e-3,
        judge_steps=1200,
        lora_steps=250,
        inversion_steps=250,
    ),
    "gpu": Preset(
        name="gpu",
        side=128,
        things=300,
        vae_width=48,
        vae_batch=32,
        vae_steps=12000,
        vae_decoder_steps=8000,
        text_steps=6000,
        clip_width=160,
        clip_layers=4,
        clip_vision_layers=6,
        clip_batch=512,
        clip_steps=20000,
        bank_shards=240,
        shard_size=8192,
        unet_channels=(64, 128, 192),
        unet_layers=1,
        unet_batch=256,
        unet_steps=40000,
        unet_rate=7e-4,
        judge_steps=4000,
        lora_steps=800,
        inversion_steps=600,
    ),
    "tiny": Preset(
        name="tiny",
        side=32,
        things=4,
        vae_width=8,
        vae_batch=2,
        vae_steps=2,
        vae_decoder_steps=2,
        text_steps=2,
        clip_width=16,
        clip_layers=1,
        clip_vision_layers=1,
        clip_batch=4,
        clip_steps=2,
        bank_shards=1,
        shard_size=16,
        unet_channels=(16, 16, 32),
        unet_layers=1,
        unet_batch=4,
        unet_steps=3,
        unet_rate=1e-3,
        judge_steps=2,
        lora_steps=2,
        inversion_steps=2,
    ),
}
