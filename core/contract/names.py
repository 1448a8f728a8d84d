"""The words of the wire: every closed list of values that a field may have."""

from __future__ import annotations

from enum import StrEnum


class Sampler(StrEnum):
    """How noise becomes a picture."""

    K_LMS = "k_lms"
    K_HEUN = "k_heun"
    K_EULER = "k_euler"
    K_EULER_A = "k_euler_a"
    K_DPM_2 = "k_dpm_2"
    K_DPM_2_A = "k_dpm_2_a"
    K_DPM_FAST = "k_dpm_fast"
    K_DPM_ADAPTIVE = "k_dpm_adaptive"
    K_DPMPP_2S_A = "k_dpmpp_2s_a"
    K_DPMPP_2M = "k_dpmpp_2m"
    DPMSOLVER = "dpmsolver"
    K_DPMPP_SDE = "k_dpmpp_sde"
    DDIM = "DDIM"
    LCM = "lcm"


class SourceProcessing(StrEnum):
    """What is done with a source picture."""

    IMG2IMG = "img2img"
    """The picture is drawn over."""
    INPAINTING = "inpainting"
    """The masked part is drawn anew."""
    OUTPAINTING = "outpainting"
    """The picture is continued beyond its edges."""
    REMIX = "remix"
    """Several pictures inspire one."""


class ControlType(StrEnum):
    """Which map of a source picture steers the drawing."""

    CANNY = "canny"
    HED = "hed"
    DEPTH = "depth"
    NORMAL = "normal"
    OPENPOSE = "openpose"
    SEG = "seg"
    SCRIBBLE = "scribble"
    FAKESCRIBBLES = "fakescribbles"
    HOUGH = "hough"


class PostProcessor(StrEnum):
    """What is done to a finished picture."""

    GFPGAN = "GFPGAN"
    REALESRGAN_X4PLUS = "RealESRGAN_x4plus"
    REALESRGAN_X2PLUS = "RealESRGAN_x2plus"
    REALESRGAN_X4PLUS_ANIME_6B = "RealESRGAN_x4plus_anime_6B"
    NMKD_SIAX = "NMKD_Siax"
    ANIME_SHARP_4X = "4x_AnimeSharp"
    CODEFORMERS = "CodeFormers"
    STRIP_BACKGROUND = "strip_background"
    NOMOS8K_SC_4X = "4xNomos8kSC"
    LSDIR_PLUS_4X = "4xLSDIRplus"
    NOMOS_WEB_PHOTO_4X = "4xNomosWebPhoto_RealPLKSR"
    NOMOS2_REALPLKSR_4X = "4xNomos2_realplksr_dysample"
    NOMOS2_HQ_DAT2_4X = "4xNomos2_hq_dat2"
    MODERN_SPANIMATION_2X = "2xModernSpanimationV1"
    GFPGAN_V1_3 = "GFPGANv1.3"
    RESTOREFORMER = "RestoreFormer"


UPSCALERS: frozenset[PostProcessor] = frozenset(
    {
        PostProcessor.REALESRGAN_X4PLUS,
        PostProcessor.REALESRGAN_X2PLUS,
        PostProcessor.REALESRGAN_X4PLUS_ANIME_6B,
        PostProcessor.NMKD_SIAX,
        PostProcessor.ANIME_SHARP_4X,
        PostProcessor.NOMOS8K_SC_4X,
        PostProcessor.LSDIR_PLUS_4X,
        PostProcessor.NOMOS_WEB_PHOTO_4X,
        PostProcessor.NOMOS2_REALPLKSR_4X,
        PostProcessor.NOMOS2_HQ_DAT2_4X,
        PostProcessor.MODERN_SPANIMATION_2X,
    }
)
"""Post-processors that make the picture larger; a request may name one of them."""


class Workflow(StrEnum):
    """A drawing that takes more than one pass of one model."""

    QR_CODE = "qr_code"


class InjectTi(StrEnum):
    """Where a textual inversion is put."""

    PROMPT = "prompt"
    NEGPROMPT = "negprompt"


class JobState(StrEnum):
    """How a job ended."""

    OK = "ok"
    """A picture was made."""
    CENSORED = "censored"
    """A picture was made and hidden, because the request did not want what it shows."""
    FAULTED = "faulted"
    """The worker gives the job back."""
    CSAM = "csam"
    """The picture was destroyed, because nobody may have what it shows."""


class MetadataType(StrEnum):
    """What a note about a picture is about."""

    LORA = "lora"
    TI = "ti"
    CENSORSHIP = "censorship"
    SOURCE_IMAGE = "source_image"
    SOURCE_MASK = "source_mask"
    EXTRA_SOURCE_IMAGES = "extra_source_images"
    BATCH_INDEX = "batch_index"
    INFORMATION = "information"
    AESTHETIC_SCORE = "aesthetic_score"


class MetadataValue(StrEnum):
    """What the note says."""

    DOWNLOAD_FAILED = "download_failed"
    PARSE_FAILED = "parse_failed"
    BASELINE_MISMATCH = "baseline_mismatch"
    CSAM = "csam"
    NSFW = "nsfw"
    SEE_REF = "see_ref"
    """The text is in `ref`."""


class WarningCode(StrEnum):
    """What is doubtful about a request that was accepted."""

    NO_AVAILABLE_WORKER = "NoAvailableWorker"
    CLIP_SKIP_MISMATCH = "ClipSkipMismatch"
    STEPS_TOO_FEW = "StepsTooFew"
    STEPS_TOO_MANY = "StepsTooMany"
    CFG_SCALE_MISMATCH = "CfgScaleMismatch"
    CFG_SCALE_TOO_SMALL = "CfgScaleTooSmall"
    CFG_SCALE_TOO_LARGE = "CfgScaleTooLarge"
    SAMPLER_MISMATCH = "SamplerMismatch"
    SCHEDULER_MISMATCH = "SchedulerMismatch"


class EventName(StrEnum):
    """What the server says of a request while somebody listens (ours)."""

    PROGRESS = "progress"
    """How far it is; the data are those of check."""
    DONE = "done"
    """The same, for the last time."""
    GONE = "gone"
    """It is not there any more; the data are an error body, and nothing follows."""


class WorkerType(StrEnum):
    """What a worker makes."""

    IMAGE = "image"
    TEXT = "text"
    INTERROGATION = "interrogation"


class ModelState(StrEnum):
    """Which models a list holds."""

    KNOWN = "known"
    """Those of the model reference."""
    CUSTOM = "custom"
    """The others."""
    ALL = "all"


class Capability(StrEnum):
    """What a worker may declare in its pop (ours); the agents of the field have a table instead."""

    R2 = "r2"
    """Uploads results by PUT."""
    SOURCE_IMAGE = "img2img"
    PAINTING = "painting"
    CONTROLNET = "controlnet"
    IMAGE_IS_CONTROL = "image_is_control"
    RETURN_CONTROL_MAP = "return_control_map"
    POST_PROCESSING = "post_processing"
    LORA = "lora"
    LORA_VERSIONS = "lora_versions"
    TEXTUAL_INVERSION = "textual_inversion"
    HIRES_FIX = "hires_fix"
    TILING = "tiling"
    CLIP_SKIP = "clip_skip"
    EXTRA_SOURCE_IMAGES = "extra_source_images"
    EXTRA_TEXTS = "extra_texts"
    WORKFLOW = "workflow"
    LAYER_DIFFUSE = "layer_diffuse"
    PROGRESS = "progress"
    """Reports its steps."""
    SEEDS = "seeds"
    """Draws each picture of a batch with its own seed."""


class KeyScope(StrEnum):
    """What an API key may be used for (ours)."""

    ALL = "all"
    """Everything that its account may do."""
    GENERATE = "generate"
    """Asking for pictures, and reading."""
    WORKER = "worker"
    """Running workers, and reading."""
    READ = "read"
    """Reading alone."""
