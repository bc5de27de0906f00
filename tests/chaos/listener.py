"""The independent subscriber of a round: a lasting session, and a log of its own on disk that the verdict reads."""

import json
import threading
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

TOPICS: Final = "alvh/main/#"
_SESSION_S: Final = 3600


class Listener:
    """Subscribes with `clean_session=False` and writes down what arrives, in the order of its arrival."""

    def __init__(self, port: int, log: Path, *, is_mqtt5: bool, name: str = "chaos-listener") -> None:
        self.log = log
        self.ids: dict[str, set[str]] = {}  # by topic; what `is everything there?` is asked of
        self.newest: dict[str, str] = {}  # by topic: the body that arrived last
        self.state = ""  # the last word on the status topic
        self._port = port
        self._file = log.open("a", encoding="utf-8")
        self._subscribed = threading.Event()
        if is_mqtt5:
            self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        else:
            self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self._is_mqtt5 = is_mqtt5
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._subscribed.clear()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._on_message(message)

    def __enter__(self) -> Self:
        if self._is_mqtt5:
            lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho left it untyped
            lasting.SessionExpiryInterval = _SESSION_S
            self._client.connect("127.0.0.1", self._port, keepalive=5, clean_start=False, properties=lasting)
        else:
            self._client.connect("127.0.0.1", self._port, keepalive=5)
        self._client.loop_start()
        assert self._subscribed.wait(10), "the subscriber could not subscribe"
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._file.close()

    @property
    def is_subscribed(self) -> bool:
        """Whether it is connected and has been given its subscription."""
        return self._subscribed.is_set()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(TOPICS, qos=1)

    def _on_message(self, message: mqtt.MQTTMessage) -> None:
        body = message.payload.decode()
        self._file.write(json.dumps([message.topic, body]) + "\n")
        self._file.flush()
        document: dict[str, Any] = json.loads(body)
        if message.topic.endswith("/status"):
            self.state = document["data"]["state"]
            return
        self.newest[message.topic] = body
        self.ids.setdefault(message.topic, set()).add(document["id"])
