"""Where Redis, the broker and the page are, what it takes to get in, and when a commit counts as durable."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_serializer, field_validator, model_validator

from alvh.errors import InputError
from alvh.settings_faults import masked
from alvh.settings_feeds import Seconds
from alvh.settings_methodology import Knobs

Secret = Annotated[SecretStr, Field(min_length=1)]
Level = Annotated[str, Field(pattern=r"^[^+#/\s]{1,64}$")]
EMBEDDED: Final = "embedded"
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_REDIS: Final = (
    "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
)  # fmt: skip
_MQTT: Final = ("mqtt", "mqtts")


class Secretive(Knobs):
    """A password, or the file that holds it."""

    password: Secret | None = Field(default=None, description="better by environment or file")
    password_file: Path | None = Field(default=None, description="file whose first line is the password")

    def secret(self) -> str | None:
        """Return the password.

        Raises:
            InputError: its file cannot be read.
        """
        return _either(self.password, self.password_file)


class Redis(Secretive):
    """Where the log lives."""

    url: str = Field(
        default=EMBEDDED,
        description=(
            "redis://host:port/db, rediss:// (TLS) or unix:///path; redis+sentinel://host:port,host:port/service/db; "
            "redis+cluster://host:port,host:port; or: embedded"
        ),
    )
    username: str | None = None
    ca_file: Path | None = Field(default=None, description="certificate authority of a server with TLS")
    cert_file: Path | None = Field(default=None, description="client certificate")
    key_file: Path | None = Field(default=None, description="its key")
    sentinel_password: Secret | None = Field(default=None, description="of the sentinels themselves")
    sentinel_password_file: Path | None = Field(default=None, description="file whose first line is that password")
    durability: Literal["always", "waitaof", "everysec"] = Field(
        default="always",
        description=(
            "when a message may leave: always: Redis has `appendfsync always`; waitaof: behind WAITAOF (Redis 7.2, "
            "Valkey); everysec: at once, and a failure of the host loses the last second, messages that left included"
        ),
    )
    replicas: int = Field(default=0, ge=0, le=100, description="with waitaof: replicas whose disk must have a commit")
    lease_s: Seconds = Field(default=5.0, description="a leader that is silent so long has lost its lease, seconds")
    checkpoint_every: int = Field(default=2_000, ge=1, description="events between checkpoints")

    def sentinel_secret(self) -> str | None:
        """Return the password of the sentinels.

        Raises:
            InputError: its file cannot be read.
        """
        return _either(self.sentinel_password, self.sentinel_password_file)

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        if url != EMBEDDED and _place(url)[0] not in _REDIS:
            known = ", ".join(f"{scheme}://" for scheme in _REDIS)
            raise ValueError(f"expected a URL that begins with one of {known}, or: embedded")
        return url

    @field_serializer("url")
    def _shown(self, url: str) -> str:
        return masked(url)

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.replicas and self.durability != "waitaof":
            raise ValueError(f"replicas: expected durability waitaof beside it, got {self.durability}")
        return self


class Mqtt(Secretive):
    """Where messages go."""

    url: str = Field(default=EMBEDDED, description="mqtt:// or mqtts:// URL, or: embedded")
    topic_root: Annotated[str, Field(pattern=r"^[^+#\s]+$")] = Field(default="alvh", description="first topic level")
    username: str | None = None
    client_id: Annotated[str, Field(pattern=r"^[^\s]{1,128}$")] | None = Field(
        default=None,
        description="names the session in which the broker keeps what is said to us while we are away, so it must be "
        "the same for all nodes of an instance and no other's; default: alvh-<instance>",
    )
    allowed_by: list[Level] | None = Field(
        default=None,
        description="who may answer and observe, each under a topic that ends in his name (docs/security.md); "
        "default: whoever the broker lets publish",
    )
    ca_file: Path | None = Field(default=None, description="certificate authority of an mqtts:// broker")
    cert_file: Path | None = Field(default=None, description="client certificate")
    key_file: Path | None = Field(default=None, description="its key")

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        scheme, host = _place(url)
        if url != EMBEDDED and (scheme not in _MQTT or not host):
            raise ValueError("expected an mqtt:// or mqtts:// URL, or: embedded")
        return url

    @field_serializer("url")
    def _shown(self, url: str) -> str:
        return masked(url)


class Http(Knobs):
    """The page, metrics and health."""

    host: str = Field(default="127.0.0.1", description="loopback unless told otherwise")
    port: Annotated[int, Field(ge=0, le=65_535)] | None = Field(
        default=None, description="default: 8080, or a free one if that is taken; 0: a free one"
    )
    token: Secret | None = Field(default=None, description="bearer token, required when not on loopback")
    token_file: Path | None = Field(default=None, description="file whose first line is the token")

    def secret(self) -> str | None:
        """Return the bearer token, or None."""
        return _either(self.token, self.token_file)

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.host not in LOOPBACK and self.token is None and self.token_file is None:
            raise ValueError("host is not loopback: expected a token or token_file beside it")
        return self


def _place(url: str) -> tuple[str, str]:
    """Scheme and host of a URL; empty where it is none. The library's own words may hold a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def read_secret(path: Path) -> str:
    """Return the first line of a secret's file.

    Raises:
        InputError: it cannot be read or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot read the secret: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{path}: cannot read the secret: expected UTF-8") from None
    if not lines or not lines[0]:
        raise InputError(f"{path}: expected a secret in the first line")
    return lines[0]


def _either(secret: SecretStr | None, file: Path | None) -> str | None:
    if secret is not None:
        return secret.get_secret_value()
    return None if file is None else read_secret(file)
