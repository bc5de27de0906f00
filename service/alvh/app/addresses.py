"""Where Redis and the broker of a configuration are, for the daemon and for whoever looks at one from outside."""

from pathlib import Path
from typing import TYPE_CHECKING

from alvh.settings import Settings, is_live
from alvh.settings_servers import EMBEDDED

if TYPE_CHECKING:
    from alvh.adapters.mqtt.address import BrokerAddress
    from alvh.adapters.redis import RedisAddress


def valkey_folder(settings: Settings) -> Path:
    """Where the embedded Valkey of an instance keeps its data."""
    return settings.var / settings.instance / "valkey"


def archive_folder(settings: Settings) -> Path | None:
    """Where each day of the log is kept before it leaves Redis; None where it is not."""
    if settings.archive is not None:
        return settings.archive.absolute()
    return (settings.var / settings.instance / "archive").absolute() if is_live(settings.feed) else None


def redis_url(settings: Settings) -> str:
    """Where the log is."""
    if settings.redis.url == EMBEDDED:
        from alvh.adapters.embedded.valkey import socket_of  # noqa: PLC0415 - only where there is one

        return f"unix://{socket_of(valkey_folder(settings))}"
    return settings.redis.url


def redis_address(settings: Settings, url: str | None = None) -> "RedisAddress":
    """Where the log is, or the one at `url`, entered with what the configuration says of its own.

    Raises:
        InputError: the password's file cannot be read.
    """
    from alvh.adapters.redis import RedisAddress  # noqa: PLC0415 - loads the client, which few commands need

    if url is None and settings.redis.url == EMBEDDED:
        return RedisAddress(url=redis_url(settings))
    redis = settings.redis
    return RedisAddress(
        url=url or redis.url,
        username=redis.username,
        password=redis.secret(),
        ca_file=_text(redis.ca_file),
        cert_file=_text(redis.cert_file),
        key_file=_text(redis.key_file),
        sentinel_password=redis.sentinel_secret(),
    )


def broker_address(settings: Settings, embedded_url: str | None = None) -> "BrokerAddress":
    """Where the broker is; `embedded_url` is that of the embedded one.

    Raises:
        InputError: a secret's file cannot be read, or the address is none.
    """
    from alvh.adapters.mqtt.address import BrokerAddress  # noqa: PLC0415 - loads paho, which few commands need

    mqtt = settings.mqtt
    if embedded_url is not None:
        return BrokerAddress(url=embedded_url, protocol="3.1.1")  # it keeps nothing: it lives and dies with us
    return BrokerAddress(
        url=mqtt.url,
        username=mqtt.username,
        password=mqtt.secret(),
        ca_file=_text(mqtt.ca_file),
        cert_file=_text(mqtt.cert_file),
        key_file=_text(mqtt.key_file),
        session=mqtt.client_id or f"alvh-{settings.instance}",
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
