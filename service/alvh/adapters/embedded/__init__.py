"""What `make run` needs no server for: a Valkey of our own, and an MQTT broker inside this process."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from alvh.adapters.embedded.broker import EmbeddedBroker
    from alvh.adapters.embedded.valkey import EmbeddedValkey, socket_of

__all__ = ["EmbeddedBroker", "EmbeddedValkey", "socket_of"]

_HOMES: Final = {"EmbeddedBroker": "broker", "EmbeddedValkey": "valkey", "socket_of": "valkey"}


def __getattr__(name: str) -> object:
    """Load what is asked for: who only asks where the Valkey is does not wait for the broker's libraries."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
