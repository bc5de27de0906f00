"""A subscriber that takes each adjustment exactly once, whatever is redelivered, killed or failed over.

    pip install alvh paho-mqtt
    python exactly_once.py --broker mqtt://localhost:1883 --store inbox.db

An adjustment arrives at least once, always with the same bytes. What is done about it, and the position
`(epoch, sequence)` behind which nothing is taken again, are written in one transaction; only then is the broker told
that it arrived. Whatever dies in between, the message comes again, and is known.
"""

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import ValidationError

from alvh.messages import AdjustmentMessage

DAY_S = 86_400
KEPT_S = 30 * DAY_S  # how long the broker keeps our session while we are away; as long as the service keeps its log
RETRY_S = 1.0

Effect = Callable[[sqlite3.Connection, AdjustmentMessage], None]
"""What to do about an adjustment, inside the transaction that remembers it."""


class Inbox:
    """The position of each portfolio, and what was done about its adjustments, in one SQLite file."""

    def __init__(self, store: Path, tables: str = "") -> None:
        """Open or make the file; `tables` is further SQL for what an effect writes."""
        self.connection = sqlite3.connect(store, isolation_level=None)
        self.connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE IF NOT EXISTS position (portfolio TEXT PRIMARY KEY, epoch INTEGER, sequence INTEGER);"
            + tables
        )

    def take(self, message: AdjustmentMessage, effect: Effect) -> bool:
        """Do `effect` and move the position, both or neither; return False for what has been taken before."""
        sequence = int(message.sequence)
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            row = self.connection.execute(
                "SELECT epoch, sequence FROM position WHERE portfolio = ?", [message.subject]
            ).fetchone()
            if row is not None and sequence <= row[1]:
                if message.epoch <= row[0]:
                    return False
                say(f"ALARM: the log of {message.source} was reset: {message.id} comes after sequence {row[1]}")
            effect(self.connection, message)
            self.connection.execute(
                "INSERT OR REPLACE INTO position VALUES (?, ?, ?)", [message.subject, message.epoch, sequence]
            )
        return True


def listen(
    broker: str,
    *,
    topics: str,
    client_id: str,
    on_message: Callable[[AdjustmentMessage], object],
    on_round: Callable[[mqtt.Client], None] = lambda _: None,
) -> None:
    """Hand over adjustments for ever, one at a time; each is acknowledged behind `on_message`.

    Args:
        broker: mqtt:// or mqtts:// URL, with user and password where the broker wants them.
        topics: what to subscribe to.
        client_id: the name under which the broker keeps what arrives while we are away; one per subscriber.
        on_message: takes one adjustment; when it raises, the message is not acknowledged and comes again.
        on_round: called about once a second, for whatever else is to be done.
    """
    url = urlsplit(broker)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, manual_ack=True)
    if url.username:
        client.username_pw_set(unquote(url.username), unquote(url.password or ""))
    if url.scheme == "mqtts":
        client.tls_set()

    def subscribed(client: mqtt.Client, *_: object) -> None:
        client.subscribe(topics, qos=1)

    def arrived(client: mqtt.Client, _: object, raw: mqtt.MQTTMessage) -> None:
        try:
            message = AdjustmentMessage.model_validate_json(raw.payload)
        except ValidationError as error:
            say(f"{raw.topic}: no adjustment, left out: {error.errors()[0]['msg']}")
        else:
            on_message(message)
        client.ack(raw.mid, raw.qos)

    client.on_connect = subscribed
    client.on_message = arrived
    session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho types its clients only
    session.SessionExpiryInterval = KEPT_S
    host, port = url.hostname or "localhost", url.port or (8883 if url.scheme == "mqtts" else 1883)
    # In this thread, so that an exception ends the program, unacknowledged, instead of being lost in another one.
    while True:
        try:
            client.connect(host, port, clean_start=False, properties=session)
            while client.loop(timeout=1.0) == mqtt.MQTT_ERR_SUCCESS:
                on_round(client)
            say("the broker has gone; connecting again")
        except OSError as error:
            say(f"the broker is away: {error}")
        time.sleep(RETRY_S)


def say(line: str) -> None:
    """Tell the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write each adjustment once to the store and to standard output."""
    parser = argparse.ArgumentParser(description="take each adjustment exactly once")
    parser.add_argument("--broker", default="mqtt://localhost:1883", help="mqtt:// or mqtts:// URL")
    parser.add_argument("--topics", default="alvh/main/portfolio/+/adjustment")
    parser.add_argument("--store", type=Path, default=Path("inbox.db"))
    options = parser.parse_args(arguments)
    inbox = Inbox(options.store, "CREATE TABLE IF NOT EXISTS taken (id TEXT, said TEXT);")

    def written(connection: sqlite3.Connection, message: AdjustmentMessage) -> None:
        connection.execute("INSERT INTO taken VALUES (?, ?)", [message.id, message.data.text])

    def take(message: AdjustmentMessage) -> None:
        if inbox.take(message, written):
            print(json.dumps({"id": message.id, "reasons": message.data.reason_codes}), flush=True)
            print(message.data.text, flush=True)

    listen(options.broker, topics=options.topics, client_id="alvh-exactly-once", on_message=take)


if __name__ == "__main__":
    main()
