"""What `make run` needs no server for: a Valkey of our own, and an MQTT broker inside this process."""

from alvh.adapters.embedded.broker import EmbeddedBroker
from alvh.adapters.embedded.valkey import EmbeddedValkey, socket_of

__all__ = ["EmbeddedBroker", "EmbeddedValkey", "socket_of"]
