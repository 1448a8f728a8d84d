"""Every code (`rc`) that a horde puts beside an error message, and the HTTP status that goes with each.

Where the public API sends a code with a slip of the pen (trailing dots, a code lost on the way), this is the intended
one; `Rc.read` understands the slips too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Rc(StrEnum):
    """The reason of a refusal, for programs."""

    # What the request itself says
    MISSING_PROMPT = "MissingPrompt"
    CORRUPT_PROMPT = "CorruptPrompt"
    KUDOS_VALIDATION_ERROR = "KudosValidationError"
    NO_VALID_ACTIONS = "NoValidActions"
    INVALID_SIZE = "InvalidSize"
    INVALID_PROMPT_SIZE = "InvalidPromptSize"
    TOO_MANY_STEPS = "TooManySteps"
    TOO_LONG = "TooLong"
    BAD_REQUEST = "BadRequest"
    NUL_BYTE_IN_PAYLOAD = "NulByteInPayload"
    UNSUPPORTED_SAMPLER = "UnsupportedSampler"
    UNSUPPORTED_MODEL = "UnsupportedModel"
    UNEXPECTED_MODEL_NAME = "UnexpectedModelName"
    TOO_MANY_UPSCALERS = "TooManyUpscalers"
    BAD_CFG_DECIMALS = "BadCFGDecimals"
    BAD_CFG_NUMBER = "BadCFGNumber"
    BAD_CLIENT_AGENT = "BadClientAgent"
    TOO_MANY_LORAS = "TooManyLoras"
    BAD_LORA_VERSION = "BadLoraVersion"
    TOO_MANY_TIS = "TooManyTIs"
    HIRES_MISMATCH = "HiResMismatch"
    HIRES_FIX_MISMATCH = "HiResFixMismatch"
    TILING_MISMATCH = "TilingMismatch"
    IMG2IMG_MISMATCH = "Img2ImgMismatch"
    REQUIRES_TRUST = "RequiresTrust"
    ONLY_SERVICE_ACCOUNT_PROXY = "OnlyServiceAccountProxy"
    BETA_COMPARISON_FAULT = "BetaComparisonFault"
    SPECIAL_MISSING_PAYLOAD = "SpecialMissingPayload"
    SPECIAL_MISSING_USERNAME = "SpecialMissingUsername"

    # Source pictures, control maps, workflows
    IMAGE_VALIDATION_FAILED = "ImageValidationFailed"
    SOURCE_IMAGE_RESOLUTION_EXCEEDED = "SourceImageResolutionExceeded"
    SOURCE_IMAGE_SIZE_EXCEEDED = "SourceImageSizeExceeded"
    SOURCE_IMAGE_URL_INVALID = "SourceImageUrlInvalid"
    SOURCE_IMAGE_UNREADABLE = "SourceImageUnreadable"
    INPAINTING_MISSING_MASK = "InpaintingMissingMask"
    SOURCE_MASK_UNNECESSARY = "SourceMaskUnnecessary"
    SOURCE_IMAGE_REQUIRED_FOR_MODEL = "SourceImageRequiredForModel"
    CONTROLNET_UNSUPPORTED = "ControlNetUnsupported"
    CONTROLNET_SOURCE_MISSING = "ControlNetSourceMissing"
    CONTROLNET_INVALID_PAYLOAD = "ControlNetInvalidPayload"
    CONTROLNET_MISMATCH = "ControlNetMismatch"
    CONTROLNET_INPAINTING_MISMATCH = "ControlNetInpaintingMismatch"
    INVALID_TRANSPARENCY_MODEL = "InvalidTransparencyModel"
    INVALID_TRANSPARENCY_IMG2IMG = "InvalidTransparencyImg2Img"
    INVALID_TRANSPARENCY_CN = "InvalidTransparencyCN"
    INVALID_REMIX = "InvalidRemix"
    INVALID_REMIX_MODEL = "InvalidRemixModel"
    INVALID_EXTRA_SOURCE_IMAGES = "InvalidExtraSourceImages"
    TOO_MANY_EXTRA_SOURCE_IMAGES = "TooManyExtraSourceImages"
    MORE_THAN_MIN_EXTRA_SOURCE_IMAGE = "MoreThanMinExtraSourceImage"
    INVALID_EXTRA_TEXTS = "InvalidExtraTexts"
    MISSING_EXTRA_TEXTS = "MissingExtraTexts"

    # Text generation
    TOKEN_OVERFLOW = "TokenOverflow"  # noqa: S105 a code, not a password
    MISSING_FULL_SAMPLER_ORDER = "MissingFullSamplerOrder"
    TOO_MANY_STOP_SEQUENCES = "TooManyStopSequences"
    EXCESSIVE_STOP_SEQUENCE = "ExcessiveStopSequence"

    # Names and words
    PROFANITY = "Profanity"
    PROFANE_WORKER_NAME = "ProfaneWorkerName"
    PROFANE_BRIDGE_AGENT = "ProfaneBridgeAgent"
    PROFANE_WORKER_INFO = "ProfaneWorkerInfo"
    PROFANE_USER_NAME = "ProfaneUserName"
    PROFANE_USER_CONTACT = "ProfaneUserContact"
    PROFANE_ADMIN_COMMENT = "ProfaneAdminComment"
    PROFANE_TEAM_NAME = "ProfaneTeamName"
    PROFANE_TEAM_INFO = "ProfaneTeamInfo"
    TOO_LONG_WORKER_NAME = "TooLongWorkerName"
    TOO_LONG_USER_NAME = "TooLongUserName"
    NAME_ALREADY_EXISTS = "NameAlreadyExists"
    WORKER_NAME_ALREADY_EXISTS = "WorkerNameAlreadyExists"
    TEAM_NAME_ALREADY_EXISTS = "TeamNameAlreadyExists"
    POLYMORPHIC_NAME_CONFLICT = "PolymorphicNameConflict"
    INVALID_PRIORITY_USERNAME = "InvalidPriorityUsername"

    # Jobs and the state of the horde
    DUPLICATE_GEN = "DuplicateGen"
    ABORTED_GEN = "AbortedGen"
    NO_VALID_WORKERS = "NoValidWorkers"
    MAINTENANCE_MODE = "MaintenanceMode"
    REQUEST_EXPIRED = "RequestExpired"
    TOO_MANY_PROMPTS = "TooManyPrompts"
    LOCKED = "Locked"

    # Who asks
    INVALID_API_KEY = "InvalidAPIKey"
    WRONG_CREDENTIALS = "WrongCredentials"
    FORBIDDEN = "Forbidden"
    NOT_ADMIN = "NotAdmin"
    NOT_MODERATOR = "NotModerator"
    NOT_OWNER = "NotOwner"
    NOT_PRIVILEGED = "NotPrivileged"
    NOT_TRUSTED = "NotTrusted"
    NOT_USER_OR_MOD = "NotUserOrMod"
    ANON_FORBIDDEN = "AnonForbidden"
    ANON_FORBIDDEN_WORKER = "AnonForbiddenWorker"
    ANON_FORBIDDEN_USER = "AnonForbiddenUser"
    ANON_FORBIDDEN_USER_MOD = "AnonForbiddenUserMod"
    DELETED_USER = "DeletedUser"
    UNTRUSTED_TEAM_CREATION = "UntrustedTeamCreation"
    UNTRUSTED_UNSAFE_IP = "UntrustedUnsafeIP"
    UNSAFE_IP = "UnsafeIP"
    TIMEOUT_IP = "TimeoutIP"
    TOO_MANY_NEW_IPS = "TooManyNewIPs"
    TOO_MANY_SAME_IPS = "TooManySameIPs"
    TOO_MANY_WORKERS = "TooManyWorkers"
    TOO_MANY_WORKERS_TRUSTED = "TooManyWorkersTrusted"
    WORKER_INVITE_ONLY = "WorkerInviteOnly"
    WORKER_MAINTENANCE = "WorkerMaintenance"
    WORKER_FLAGGED_MAINTENANCE = "WorkerFlaggedMaintenance"
    BANNED_CLIENT_AGENT = "BannedClientAgent"
    BETA_ANON_FORBIDDEN = "BetaAnonForbidden"
    SPECIAL_FORBIDDEN = "SpecialForbidden"
    SPECIAL_MODEL_NEEDS_SPECIAL_USER = "SpecialModelNeedsSpecialUser"
    SPECIAL_FIELD_NEEDS_SPECIAL_USER = "SpecialFieldNeedsSpecialUser"
    NON_SERVICE_FORBIDDEN = "NonServiceForbidden"
    CANNOT_DELETE_MOD = "CannotDeleteMod"
    CANNOT_WIPE_ACTIVE_USER = "CannotWipeActiveUser"
    USER_NOT_DELETED = "UserNotDeleted"
    MESSAGES_ONLY_OWN_WORKERS = "MessagesOnlyOwnWorkers"

    # Kudos
    KUDOS_UPFRONT = "KudosUpfront"
    KUDOS_TRANSFER_NOT_ENOUGH = "KudosTransferNotEnough"
    KUDOS_TRANSFER_FROM_ANON = "KudosTransferFromAnon"
    KUDOS_TRANSFER_TO_ANON = "KudosTransferToAnon"
    KUDOS_TRANSFER_TO_SELF = "KudosTransferToSelf"
    NEGATIVE_KUDOS_TRANSFER = "NegativeKudosTransfer"
    INVALID_KUDOS_TRANSFER_AMOUNT = "InvalidKudosTransferAmount"
    INVALID_TARGET_USERNAME = "InvalidTargetUsername"
    TOO_FAST_KUDOS_TRANSFERS = "TooFastKudosTransfers"
    FAULT_WHEN_KUDOS_SENDING = "FaultWhenKudosSending"
    FAULT_WHEN_KUDOS_RECEIVING = "FaultWhenKudosReceiving"
    SOURCE_ACCOUNT_FLAGGED = "SourceAccountFlagged"
    TARGET_ACCOUNT_FLAGGED = "TargetAccountFlagged"
    EDUCATION_CANNOT_SEND_KUDOS = "EducationCannotSendKudos"
    IDEMPOTENCY_KEY_CONFLICT = "IdempotencyKeyConflict"
    INVALID_AWARD_USERNAME = "InvalidAwardUsername"
    KUDOS_AWARD_TO_ANON = "KudosAwardToAnon"
    NOT_ALLOWED_AWARDS = "NotAllowedAwards"

    # Shared keys
    SHARED_KEY_INVALID = "SharedKeyInvalid"
    SHARED_KEY_EMPTY = "SharedKeyEmpty"
    SHARED_KEY_EXPIRED = "SharedKeyExpired"
    SHARED_KEY_INSUFFICIENT_KUDOS = "SharedKeyInsufficientKudos"
    SHARED_KEY_ASSIGNED_STYLES = "SharedKeyAssignedStyles"

    # What is not there
    REQUEST_NOT_FOUND = "RequestNotFound"
    INVALID_JOB_ID = "InvalidJobID"
    WORKER_NOT_FOUND = "WorkerNotFound"
    TEAM_NOT_FOUND = "TeamNotFound"
    FILTER_NOT_FOUND = "FilterNotFound"
    USER_NOT_FOUND = "UserNotFound"
    STYLE_NOT_FOUND = "StyleNotFound"
    IMAGE_STYLE_NOT_FOUND = "Image styleNotFound"
    TEXT_STYLE_NOT_FOUND = "Text styleNotFound"
    STYLE_EXAMPLE_NOT_FOUND = "Style exampleNotFound"
    COLLECTION_NOT_FOUND = "CollectionNotFound"
    WORKER_MESSAGE_NOT_FOUND = "WorkermessageNotFound"
    PROC_GEN_NOT_FOUND = "ProcGenNotFound"

    # Changes that change nothing
    NO_WORKER_MOD_SELECTED = "NoWorkerModSelected"
    NO_USER_MOD_SELECTED = "NoUserModSelected"
    NO_HORDE_MOD_SELECTED = "NoHordeModSelected"
    NO_TEAM_MOD_SELECTED = "NoTeamModSelected"
    NO_FILTER_MOD_SELECTED = "NoFilterModSelected"
    NO_SHARED_KEY_MOD_SELECTED = "NoSharedKeyModSelected"

    # Ratings
    INVALID_AESTHETIC_ATTEMPT = "InvalidAestheticAttempt"
    AESTHETICS_NOT_COMPLETED = "AestheticsNotCompleted"
    AESTHETICS_NOT_PUBLIC = "AestheticsNotPublic"
    AESTHETICS_DUPLICATE = "AestheticsDuplicate"
    AESTHETICS_MISSING = "AestheticsMissing"
    AESTHETICS_SOLO = "AestheticsSolo"
    AESTHETICS_CONFUSED = "AestheticsConfused"
    AESTHETICS_ALREADY_EXIST = "AestheticsAlreadyExist"
    AESTHETICS_SERVER_REJECTED = "AestheticsServerRejected"
    AESTHETICS_SERVER_ERROR = "AestheticsServerError"
    AESTHETICS_SERVER_DOWN = "AestheticsServerDown"
    AESTHETICS_SERVER_TIMEOUT = "AestheticsServerTimeout"

    # Styles
    STYLES_ANON_FORBIDDEN = "StylesAnonForbidden"
    STYLES_REQUIRES_CUSTOMIZER = "StylesRequiresCustomizer"
    STYLE_PROMPT_MISSING_VARS = "StylePromptMissingVars"
    STYLE_MISMATCH = "StyleMismatch"
    STYLE_GET_MISTMATCH = "StyleGetMistmatch"
    TOO_MANY_STYLE_EXAMPLES = "TooManyStyleExamples"
    EXAMPLE_URL_ALREADY_IN_USE = "ExampleURLAlreadyInUse"

    @classmethod
    def read(cls, text: object) -> Rc | None:
        """The code in an answer; None where it is none of the known ones."""
        try:
            return cls(str(text).rstrip("."))
        except ValueError:
            return None

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return _STATUS.get(self, 400)


_BY_STATUS: Mapping[int, tuple[Rc, ...]] = {
    401: (Rc.INVALID_API_KEY,),
    403: (
        Rc.WRONG_CREDENTIALS,
        Rc.FORBIDDEN,
        Rc.NOT_ADMIN,
        Rc.NOT_MODERATOR,
        Rc.NOT_OWNER,
        Rc.NOT_PRIVILEGED,
        Rc.NOT_TRUSTED,
        Rc.NOT_USER_OR_MOD,
        Rc.ANON_FORBIDDEN,
        Rc.ANON_FORBIDDEN_WORKER,
        Rc.ANON_FORBIDDEN_USER,
        Rc.ANON_FORBIDDEN_USER_MOD,
        Rc.DELETED_USER,
        Rc.UNTRUSTED_TEAM_CREATION,
        Rc.UNTRUSTED_UNSAFE_IP,
        Rc.UNSAFE_IP,
        Rc.TIMEOUT_IP,
        Rc.TOO_MANY_NEW_IPS,
        Rc.TOO_MANY_SAME_IPS,
        Rc.TOO_MANY_WORKERS,
        Rc.TOO_MANY_WORKERS_TRUSTED,
        Rc.WORKER_INVITE_ONLY,
        Rc.WORKER_MAINTENANCE,
        Rc.WORKER_FLAGGED_MAINTENANCE,
        Rc.BANNED_CLIENT_AGENT,
        Rc.BETA_ANON_FORBIDDEN,
        Rc.SPECIAL_FORBIDDEN,
        Rc.SPECIAL_MODEL_NEEDS_SPECIAL_USER,
        Rc.SPECIAL_FIELD_NEEDS_SPECIAL_USER,
        Rc.NON_SERVICE_FORBIDDEN,
        Rc.CANNOT_DELETE_MOD,
        Rc.CANNOT_WIPE_ACTIVE_USER,
        Rc.USER_NOT_DELETED,
        Rc.MESSAGES_ONLY_OWN_WORKERS,
        Rc.KUDOS_UPFRONT,
        Rc.NOT_ALLOWED_AWARDS,
        Rc.SHARED_KEY_INVALID,
        Rc.SHARED_KEY_EMPTY,
        Rc.SHARED_KEY_EXPIRED,
        Rc.SHARED_KEY_INSUFFICIENT_KUDOS,
        Rc.SHARED_KEY_ASSIGNED_STYLES,
        Rc.STYLES_ANON_FORBIDDEN,
        Rc.STYLES_REQUIRES_CUSTOMIZER,
    ),
    404: (
        Rc.REQUEST_NOT_FOUND,
        Rc.INVALID_JOB_ID,
        Rc.WORKER_NOT_FOUND,
        Rc.TEAM_NOT_FOUND,
        Rc.FILTER_NOT_FOUND,
        Rc.USER_NOT_FOUND,
        Rc.STYLE_NOT_FOUND,
        Rc.IMAGE_STYLE_NOT_FOUND,
        Rc.TEXT_STYLE_NOT_FOUND,
        Rc.STYLE_EXAMPLE_NOT_FOUND,
        Rc.COLLECTION_NOT_FOUND,
        Rc.WORKER_MESSAGE_NOT_FOUND,
    ),
    423: (Rc.LOCKED,),
    429: (Rc.TOO_MANY_PROMPTS,),
}
_STATUS: Mapping[Rc, int] = {rc: status for status, codes in _BY_STATUS.items() for rc in codes}
