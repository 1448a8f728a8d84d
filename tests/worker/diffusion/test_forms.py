"""Other forms and families: a single checkpoint file with the names of its first authors, and SDXL's two encoders."""

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from core.errors import ModelUnusable
from core.worker.diffusion.render import DiffusionRenderer
from core.worker.renderer import DrawJob, Drawn, Family, Form, ModelEntry

SIDE = 32
LAYERS = 1
NETWORK = {
    "sample_size": SIDE // 2,
    "block_out_channels": (32, 32),
    "layers_per_block": LAYERS,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "attention_head_dim": 4,
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def autoencoder() -> AutoencoderKL:
    """A small one of the ordinary kind, factor 2."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(32, 32),
        layers_per_block=LAYERS,
        sample_size=SIDE,
    )


def encoder(words: CLIPTokenizer) -> CLIPTextConfig:
    """The shape of a small text encoder."""
    return CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=24,
        projection_dim=32,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )


def scheduler() -> EulerDiscreteScheduler:
    """The noise schedule of Stable Diffusion."""
    return EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)


@pytest.fixture
def plain(pipeline: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """A Stable Diffusion 1 in small, with an ordinary autoencoder."""
    torch.manual_seed(3)
    return StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(encoder(pipeline.tokenizer)),
        tokenizer=pipeline.tokenizer,
        unet=UNet2DConditionModel(**NETWORK, cross_attention_dim=32),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def unet_names(name: str) -> str:
    """A UNet tensor's name in a checkpoint file."""
    fixed = {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
    fixed |= {"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2"}
    for ours, theirs in fixed.items():
        if name.startswith(f"{ours}."):
            return name.replace(ours, theirs, 1)
    side, rest = name.split(".", 1)
    block, part, layer, tail = re.fullmatch(r"(?:(\d+)\.)?(\w+?)s?\.(\d+)\.(.+)", rest).groups()
    if side == "mid_block":
        return f"middle_block.{2 * int(layer) if part == 'resnet' else 1}.{_resnet(part, tail)}"
    per = LAYERS + 1
    if part == "downsampler":
        return f"input_blocks.{(int(block) + 1) * per}.0.{tail.replace('conv.', 'op.')}"
    if part == "upsampler":
        attended = NETWORK["up_block_types"][int(block)].startswith("Cross")
        return f"output_blocks.{(int(block) + 1) * per - 1}.{1 + attended}.{tail}"
    first = 1 if side == "down_blocks" else 0
    group = "input_blocks" if side == "down_blocks" else "output_blocks"
    return f"{group}.{first + int(block) * per + int(layer)}.{int(part == 'attention')}.{_resnet(part, tail)}"


def _resnet(part: str, tail: str) -> str:
    return re.sub(r"^\w+", lambda match: RESNET[match[0]], tail) if part == "resnet" else tail


def vae_names(name: str) -> str:
    """An autoencoder tensor's name in a checkpoint file."""
    blocks = len(NETWORK["block_out_channels"])
    name = re.sub(
        r"up_blocks\.(\d)", lambda match: f"up.{blocks - 1 - int(match[1])}", name.replace("down_blocks", "down")
    )
    name = re.sub(r"(down|up)\.(\d)\.resnets", r"\1.\2.block", name)
    name = re.sub(r"(down|up)samplers\.0", r"\1sample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda match: f"mid.block_{int(match[1]) + 1}", name)
    name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
    name = (
        name.replace("to_out.0", "proj_out")
        .replace("conv_norm_out", "norm_out")
        .replace("conv_shortcut", "nin_shortcut")
    )
    return re.sub(r"to_([qkv])\.", r"\1.", name)


def as_checkpoint(pipe: StableDiffusionPipeline) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor of the pipeline under the name it has in a single file."""
    for name, tensor in pipe.unet.state_dict().items():
        yield f"model.diffusion_model.{unet_names(name)}", tensor
    for name, tensor in pipe.vae.state_dict().items():
        wide = "attentions" in name and tensor.ndim == 2  # attention was written as a convolution of one pixel
        yield f"first_stage_model.{vae_names(name)}", tensor[..., None, None] if wide else tensor
    for name, tensor in pipe.text_encoder.state_dict().items():
        yield f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}", tensor


def drawn_by(entry: ModelEntry, *jobs: DrawJob) -> list[Drawn]:
    """Load and draw in a renderer of its own."""
    renderer = DiffusionRenderer("cpu", 1)
    renderer.load(entry)
    return list(renderer.draw(jobs, on_step=lambda _step, _steps: None, wanted=lambda _id: True))


def saved(pipe: StableDiffusionPipeline, folder: Path) -> Path:
    """The pipeline as a diffusers folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe.save_pretrained(folder)
    return folder


def test_single_file_draws_what_its_folder_draws(
    plain: StableDiffusionPipeline,
    job: Callable[..., DrawJob],
    pixels: Callable[[Drawn], np.ndarray],
    tmp_path: Path,
) -> None:
    """One file in its first authors' names, its configuration beside it, no network: the same picture."""
    folder = saved(plain, tmp_path / "folder")
    config = saved(plain, tmp_path / "mine")
    for weights in config.rglob("*.safetensors"):
        weights.unlink()
    single = tmp_path / "mine.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in as_checkpoint(plain)}, single)
    entries = [
        ModelEntry(name="tiny", family=Family.SD1, form=form, path=path, native_size=SIDE)
        for form, path in ((Form.FOLDER, folder), (Form.FILE, single))
    ]
    of_folder, of_file = (pixels(drawn_by(entry, job())[0]) for entry in entries)
    assert np.abs(of_folder - of_file).max() <= 1
    (config / "tokenizer" / "tokenizer.json").unlink()
    with pytest.raises(ModelUnusable, match="tokenizer holds none of"):
        drawn_by(entries[1], job())


def test_sdxl_draws_alone_as_in_a_batch_and_over_a_picture(
    pipeline: StableDiffusionPipeline,
    job: Callable[..., DrawJob],
    pixels: Callable[[Drawn], np.ndarray],
    tmp_path: Path,
) -> None:
    """The larger family with two text encoders: seeds hold, its own picture can be drawn over."""
    torch.manual_seed(4)
    words = pipeline.tokenizer
    pipe = StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=CLIPTextModel(encoder(words)),
        text_encoder_2=CLIPTextModelWithProjection(encoder(words)),
        tokenizer=words,
        tokenizer_2=words,
        unet=UNet2DConditionModel(
            **NETWORK,
            cross_attention_dim=64,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 32,
        ),
        scheduler=scheduler(),
    )
    entry = ModelEntry(
        name="tiny", family=Family.SDXL, form=Form.FOLDER, path=saved(pipe, tmp_path / "xl"), native_size=SIDE
    )
    one, two = drawn_by(entry, job(0), job(1))
    alone = drawn_by(entry, job(1))[0]
    assert np.abs(pixels(two) - pixels(alone)).max() <= 2
    assert np.abs(pixels(one) - pixels(two)).mean() > 1
    over = drawn_by(entry, job(2, source_image=one.picture, denoising_strength=0.5, clip_skip=2))[0]
    assert over.width == SIDE
