"""Where Redis and the broker of a configuration are, for the daemon and for whoever looks at one from outside."""

from pathlib import Path
from typing import TYPE_CHECKING

from alvh.adapters.redis import RedisAddress
from alvh.settings import EMBEDDED, Settings

if TYPE_CHECKING:
    from alvh.adapters.mqtt.address import BrokerAddress


def valkey_folder(settings: Settings) -> Path:
    """Where the embedded Valkey of an instance keeps its data."""
    return settings.var / settings.instance / "valkey"


def redis_address(settings: Settings) -> RedisAddress:
    """Where the log is.

    Raises:
        InputError: the password's file cannot be read.
    """
    redis = settings.redis
    if redis.url == EMBEDDED:
        from alvh.adapters.embedded.valkey import socket_of  # noqa: PLC0415 - only where there is one

        return RedisAddress(url=f"unix://{socket_of(valkey_folder(settings))}")
    return RedisAddress(
        url=redis.url,
        username=redis.username,
        password=redis.secret(),
        ca_file=_text(redis.ca_file),
        cert_file=_text(redis.cert_file),
        key_file=_text(redis.key_file),
    )


def broker_address(settings: Settings, embedded_url: str | None = None) -> "BrokerAddress":
    """Where the broker is; `embedded_url` is that of the embedded one.

    Raises:
        InputError: a secret's file cannot be read, or the address is none.
    """
    from alvh.adapters.mqtt.address import BrokerAddress  # noqa: PLC0415 - loads paho, which few commands need

    mqtt = settings.mqtt
    if embedded_url is not None:
        return BrokerAddress(url=embedded_url, protocol="3.1.1")
    return BrokerAddress(
        url=mqtt.url,
        username=mqtt.username,
        password=mqtt.secret(),
        ca_file=_text(mqtt.ca_file),
        cert_file=_text(mqtt.cert_file),
        key_file=_text(mqtt.key_file),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
