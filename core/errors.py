"""The errors of Largesse, one tree; every room raises these and each surface words a code once.

LargesseError                 a sentence for a person (`str(error)`), a code for programs (`error.code`)
├── ConfigError               settings that cannot be used: names file, key, what was found, what is allowed
├── UserError                 the person asked for something that cannot be; nothing was done, nothing paid
│   ├── InvalidRequest        a value is out of its range, an option unknown, a size impossible
│   ├── NotAllowed            the person, place or key may not do this
│   ├── NotFound              the thing asked for is not there (any more)
│   ├── TooMany               a limit of the person or the place is reached; `retry_after` says when to try again
│   └── NotEnoughKudos        the balance does not cover it
├── HordeError                the coordinator could not do its part
│   ├── HordeUnavailable      away, overloaded, or in maintenance: trying again later helps
│   └── HordeRefused          answered with a code of its own (`rc`) that fits none of the above
├── RenderError               a worker could not draw the picture
│   ├── ModelUnusable         weights missing, corrupt or not what they claim
│   ├── OutOfMemory           the device is too small for this job
│   └── Cancelled             nobody wants the picture any more
└── StorageFull               a disk or a bucket has no room left
"""

from __future__ import annotations

from collections.abc import Iterator


class LargesseError(Exception):
    """Something went wrong in Largesse."""

    code = "Error"

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message or self.default_message())
        if code is not None:
            self.code = code

    @classmethod
    def default_message(cls) -> str:
        """The first line of the class docstring: what is said where nobody found better words."""
        return (cls.__doc__ or "").strip().splitlines()[0]


class ConfigError(LargesseError):
    """The settings cannot be used."""

    code = "ConfigError"


class UserError(LargesseError):
    """That cannot be done."""

    code = "BadRequest"


class InvalidRequest(UserError):
    """Something in the request is not valid."""

    code = "InvalidRequest"


class NotAllowed(UserError):
    """You are not allowed to do that."""

    code = "Forbidden"


class NotFound(UserError):
    """That was not found."""

    code = "NotFound"


class TooMany(UserError):
    """Too many requests at once; try again in a moment."""

    code = "TooManyRequests"

    def __init__(
        self, message: str | None = None, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        """Seconds to wait before it is worth trying again, where known."""


class NotEnoughKudos(UserError):
    """There are not enough kudos for that."""

    code = "KudosUpfront"


class HordeError(LargesseError):
    """The coordinator could not do that."""

    code = "HordeError"


class HordeUnavailable(HordeError):
    """The coordinator cannot be reached right now; nothing is lost, it is tried again."""

    code = "HordeUnavailable"

    def __init__(
        self, message: str | None = None, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        """Seconds after which the other side wants to be asked again, where it said so."""


class HordeRefused(HordeError):
    """The coordinator refused the request."""

    code = "HordeRefused"

    def __init__(self, message: str | None = None, *, code: str | None = None, status: int = 400) -> None:
        super().__init__(message, code=code)
        self.status = status
        """HTTP status of the answer."""


class RenderError(LargesseError):
    """The picture could not be drawn."""

    code = "RenderError"


class ModelUnusable(RenderError):
    """The model's files are missing, damaged or not what they should be."""

    code = "ModelUnusable"


class OutOfMemory(RenderError):
    """The device has too little memory for this picture."""

    code = "OutOfMemory"


class Cancelled(RenderError):
    """The picture is not wanted any more."""

    code = "Cancelled"


class StorageFull(LargesseError):
    """There is no room left on the disk."""

    code = "StorageFull"


def flat(group: BaseExceptionGroup[LargesseError]) -> Iterator[LargesseError]:
    """The errors of a group and of the groups inside it, each once."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from flat(error)
        else:
            yield error
