"""All settings of Largesse: one typed tree, read from TOML with environment variables laid over it.

`run_bot.py` loads them once and hands each room its own section; nobody else reads files or the environment.
`config/largesse.toml` is the rendering of this file (`render`), key by key with its default and one sentence.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from core.errors import ConfigError
from core.platforms import Console, Discord, Mastodon, Matrix, Platform, Reddit, Web
from core.sections import Blobs, Gifts, Limits, Port, Section

ENV_PREFIX = "LARGESSE__"
DEFAULT_FILE = Path("config/largesse.toml")


class General(Section):
    """What every part shares."""

    data_dir: Path = Field(
        default=Path("data"), description="Folder for databases, pictures and keys; made when missing."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least severe level that is logged."
    )
    log_style: Literal["auto", "text", "json"] = Field(
        default="auto", description="text for people, json for machines; auto = text on a terminal."
    )


class Coordinator(Section):
    """The bundled horde."""

    enabled: bool = Field(default=True, description="Run the coordinator in `up`.")
    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 opens it to the network.")
    port: Port = Field(default=7001, description="Port to listen on; 0 takes any free one.")
    metrics_port: Port = Field(
        default=0, description="Port of /metrics for Prometheus, the first of one for each process; 0 = none."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address on which /metrics is told.")
    processes: int = Field(
        default=1, ge=1, le=256, description="Processes that answer calls; more than 1 needs PostgreSQL."
    )
    public_url: str = Field(default="", description="Address that workers and clients use; empty = http://host:port.")
    name: str = Field(
        default="Largesse", min_length=1, max_length=100, description="Name of this horde, shown to clients."
    )
    database_url: str = Field(
        default="", description="SQLAlchemy address of the database; empty = SQLite file coordinator.db in data_dir."
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs addresses and salts key hashes; empty = made once and kept in data_dir.",
    )
    blob_ttl: int = Field(default=1800, ge=60, description="Seconds that a signed picture address stays valid.")
    registration: bool = Field(
        default=True, description="Let strangers make accounts; closed: only services and moderators do."
    )
    request_ttl: int = Field(
        default=1200, ge=60, description="Seconds a request lives without anything happening to it."
    )
    job_ttl_min: int = Field(default=150, ge=5, description="Least seconds a worker gets for one job.")
    worker_stale_after: int = Field(
        default=300, ge=10, description="Seconds without a pop until a worker counts as gone."
    )
    news_file: Path = Field(
        default=Path("config/news.toml"), description="What status/news tells, a [[news]] table each; may be missing."
    )
    documents_dir: Path = Field(
        default=Path("config/documents"), description="Folder with terms.md, privacy.md, sponsors.md; may be missing."
    )
    reference_file: Path = Field(
        default=Path("config/reference.toml"), description="The models that this horde knows, and what each wants."
    )
    filter_file: Path = Field(
        default=Path("config/safety/prompts.toml"), description="Patterns over prompts, besides those of moderators."
    )
    trusted_proxies: list[str] = Field(
        default=[], description="Addresses and networks of proxies whose X-Forwarded-For counts."
    )
    trust_threshold: float = Field(
        default=0.0,
        ge=0.0,
        description="Kudos in escrow at which an owner of workers becomes trusted; 0 = only people decide.",
    )
    sweep_every: float = Field(default=10.0, ge=0.1, description="Seconds between two rounds of the sweeper.")
    limits: Limits = Field(default_factory=Limits, description="")
    blobs: Blobs = Field(default_factory=Blobs, description="")


class Worker(Section):
    """The machine that draws."""

    enabled: bool = Field(default=True, description="Run a worker in `up`.")
    horde_url: str = Field(default="", description="Coordinator to work for; empty = the bundled one.")
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the worker's owner; empty = the house key of the bundled coordinator.",
    )
    name: str = Field(
        default="Largesse worker", min_length=1, max_length=100, description="Name of this worker, unique on its horde."
    )
    devices: list[str] = Field(
        default=["auto"],
        min_length=1,
        description="Devices to draw on: auto, cpu, cuda:0, cuda:1, mps; one process each.",
    )
    models: list[str] = Field(default=["little"], min_length=1, description="Names from config/models.toml to offer.")
    models_file: Path = Field(default=Path("config/models.toml"), description="The catalogue of models.")
    addons_file: Path = Field(
        default=Path("config/addons.toml"), description="The catalogue of LoRAs and textual inversions."
    )
    max_pixels: int = Field(
        default=1_048_576, ge=4096, description="Largest picture this worker takes, width x height."
    )
    max_batch: int = Field(default=4, ge=1, le=20, description="Most pictures drawn in one go.")
    nsfw: bool = Field(default=True, description="Take requests that allow NSFW pictures.")
    max_power_threads: int = Field(default=0, ge=0, description="CPU threads per device process; 0 = all cores.")
    blacklist: list[str] = Field(
        default=[], max_length=200, description="Words; a prompt that contains one is not taken."
    )
    priority_usernames: list[str] = Field(default=[], description="People (alias#id) served first, besides the owner.")
    renderer: Literal["diffusion", "fake"] = Field(
        default="diffusion", description="fake draws test patterns without any model."
    )


class Bots(Section):
    """The conversations, whatever the platform."""

    enabled: bool = Field(default=True, description="Run the bots in `up`.")
    horde_url: str = Field(
        default="",
        description="Coordinator to ask; empty = the bundled one, https://aihorde.net/api/ = the public horde.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the bots' account; empty = the house key of the bundled coordinator, else anonymous.",
    )
    contact: str = Field(
        default="",
        max_length=200,
        description="How the operator is reached, sent to the horde as part of Client-Agent.",
    )
    default_style: str = Field(
        default="", description="Style of config/styles.toml used when none is named; empty = none."
    )
    styles_file: Path = Field(default=Path("config/styles.toml"), description="The named looks.")
    default_model: str = Field(
        default="", description="Model asked for when none is named; empty = any model the horde offers."
    )
    default_size: int = Field(
        default=0, ge=0, le=3072, description="Width and height when none is named; 0 = the model's native size."
    )
    max_pictures: int = Field(default=4, ge=1, le=20, description="Most pictures a person may ask for at once.")
    requests_per_minute: int = Field(default=20, ge=1, description="Commands one person may give in a minute.")
    emoji_file: Path = Field(default=Path("config/emoji.toml"), description="What emoji are worth.")
    gifts: Gifts = Field(default_factory=Gifts)
    sealing_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Fernet keys that seal people's API keys, comma between them, the first one seals; empty = the "
        "file sealing.keys in data_dir, made once.",
    )
    give_up_after: int = Field(
        default=3600, ge=10, description="Seconds until an unfinished request is given up, with a sentence."
    )


class Settings(BaseSettings):
    """The whole tree. Use `load`; constructing it directly reads the environment only."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    general: General = Field(default_factory=General)
    coordinator: Coordinator = Field(default_factory=Coordinator)
    worker: Worker = Field(default_factory=Worker)
    bots: Bots = Field(default_factory=Bots)
    console: Console = Field(default_factory=Console)
    discord: Discord = Field(default_factory=Discord)
    web: Web = Field(default_factory=Web)
    matrix: Matrix = Field(default_factory=Matrix)
    reddit: Reddit = Field(default_factory=Reddit)
    mastodon: Mastodon = Field(default_factory=Mastodon)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic-settings fixes this signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; the file's content arrives as init arguments."""
        del settings_cls
        return env_settings, init_settings

    def platforms(self) -> dict[str, dict[str, Any]]:
        """Name → keyword arguments of each platform that is enabled."""
        sections = {name: getattr(self, name) for name in type(self).model_fields}
        return {
            name: section.arguments()
            for name, section in sections.items()
            if isinstance(section, Platform) and section.enabled
        }

    def with_processes(self, processes: int | None) -> Settings:
        """These settings with the coordinator in so many processes; None leaves them as they are."""
        terms = self.coordinator.model_copy(update={"processes": processes or self.coordinator.processes})
        return self.model_copy(update={"coordinator": terms})

    def for_demo(self, pictures_dir: Path, *, terminal: bool = False) -> Settings:
        """These settings with the chat page open, or the terminal chat, and the logs quiet."""
        quiet = {"DEBUG": "DEBUG", "INFO": "WARNING"}.get(self.general.log_level, self.general.log_level)
        return self.model_copy(
            update={
                "general": self.general.model_copy(update={"log_level": quiet}),
                "console": self.console.model_copy(update={"enabled": terminal, "pictures_dir": pictures_dir}),
                "web": self.web.model_copy(update={"enabled": not terminal}),
            }
        )


def load(file: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        file: the TOML file; None = `config/largesse.toml` where there is one, else the defaults.

    Raises:
        ConfigError: the file is missing or not TOML, or a value is not allowed; names all of it.
    """
    chosen = file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    content = _read(chosen) if chosen else {}
    _refuse_unknown_environment()
    try:
        return Settings(**content)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(error, chosen))) from None
    except SettingsError:
        raise ConfigError("\n".join(_not_json())) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({error}).") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: this is not TOML: {error}.") from None


def _refuse_unknown_environment() -> None:
    """A misspelt section in a variable would be ignored by the library; refuse it as a misspelt key in the file is."""
    known = set(Settings.model_fields)
    for name in os.environ:
        if name.upper().startswith(ENV_PREFIX):
            section = name[len(ENV_PREFIX) :].split("__")[0].lower()
            if section not in known:
                raise ConfigError(
                    f"environment variable {name}: there is no section {section!r}; "
                    f"allowed: {', '.join(sorted(known))}."
                )


def _not_json() -> Iterator[str]:
    """Variables that should hold a list or a whole section, which are written as JSON, and hold something else."""
    for name, value in os.environ.items():
        path = name.removeprefix(ENV_PREFIX).lower().split("__")
        field = _field(path) if name.upper().startswith(ENV_PREFIX) else None
        if field is None or _is_json(value):
            continue
        if _model(field):  # may hold secrets
            yield f"environment variable {name}: allowed: one variable for each key, as in {name}__KEY."
        elif get_origin(field.annotation) is list:
            yield f'environment variable {name}: found {value!r}; allowed: a list as in ["one", "two"].'


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _sentences(error: ValidationError, file: Path | None) -> list[str]:
    return [_sentence(dict(detail), file) for detail in error.errors()]


def _sentence(detail: dict[str, Any], file: Path | None) -> str:
    path = [str(part) for part in detail["loc"]]
    variable = ENV_PREFIX + "__".join(path).upper()
    place = f"environment variable {variable}" if _in_environment(variable) else str(file or "defaults")
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return f"{place}: {key}: there is no such key; allowed here: {', '.join(_siblings(path))}."
    field = _field(path)
    secret = field is not None and SecretStr in (field.annotation, *get_args(field.annotation))
    found = "a value that is not shown" if secret else repr(detail["input"])
    return f"{place}: {key}: found {found}; allowed: {detail['msg']}."


def _in_environment(variable: str) -> bool:
    return any(name.upper() == variable for name in os.environ)


def _section(path: list[str]) -> type[BaseModel] | None:
    model: type[BaseModel] = Settings
    for part in path[:-1]:
        field = model.model_fields.get(part)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return None
        model = field.annotation
    return model


def _siblings(path: list[str]) -> list[str]:
    model = _section(path)
    return sorted(model.model_fields) if model else []


def _field(path: list[str]) -> FieldInfo | None:
    model = _section(path)
    return model.model_fields.get(path[-1]) if model else None


def effective(settings: Settings) -> dict[str, Any]:
    """The settings in force as plain values, secrets masked ("***" where one is set, "" where none is)."""
    return settings.model_dump(mode="json")


def render() -> str:
    """The text of `config/largesse.toml`: every key with its default and one sentence."""
    lines = [
        "# The settings of Largesse: every key with its default. Leave out what you don't change.",
        f"# An environment variable wins over this file: {ENV_PREFIX}COORDINATOR__PORT=8000 sets [coordinator] port.",
    ]
    for name, field in Settings.model_fields.items():
        _render_section(lines, name, _model(field))
    return "\n".join(lines) + "\n"


def _model(field: FieldInfo) -> type[Section] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _render_section(lines: list[str], name: str, model: type[Section] | None) -> None:
    if model is None:
        return
    lines += ["", f"# {(model.__doc__ or '').strip()}", f"[{name}]"]
    inner: list[tuple[str, type[Section]]] = []
    for key, field in model.model_fields.items():
        if nested := _model(field):
            inner.append((f"{name}.{key}", nested))
        else:
            lines.append(f"# {field.description}{_allowed(field)}")
            lines.append(f"{key} = {_toml(field.get_default(call_default_factory=True))}")
    for path, nested in inner:
        _render_section(lines, path, nested)


def _allowed(field: FieldInfo) -> str:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return f" One of: {', '.join(map(str, choices))}." if choices else ""


def _toml(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        value = value.as_posix()
    return json.dumps(value)
