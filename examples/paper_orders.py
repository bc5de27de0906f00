"""Adjustments turned into orders of a paper account, and answered: what a bot that trades would do, without a trade.

    python paper_orders.py --broker mqtt://localhost:1883 --store paper.db

An order is made of what the adjustment says and of nothing else. It is refused, with the reason, where the message
says that it may not be worked: not executable (model prices), lapsed, or waiting for approvals. An order is filled in
the paper book at its limit; the answer `executed`, with its fills, is queued in the same transaction, and sent until
the broker has it. The service takes a repeated answer once.
"""

import argparse
import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import paho.mqtt.client as mqtt
from exactly_once import Inbox, listen, say

from alvh.messages import AdjustmentMessage, HedgeAdjustment

TABLES = """
CREATE TABLE IF NOT EXISTS paper_order (
    adjustment TEXT, number INTEGER, instrument TEXT, side TEXT, quantity INTEGER, price REAL, fee REAL,
    PRIMARY KEY (adjustment, number)
);
CREATE TABLE IF NOT EXISTS refused (adjustment TEXT PRIMARY KEY, why TEXT);
CREATE TABLE IF NOT EXISTS reply (adjustment TEXT PRIMARY KEY, topic TEXT, body TEXT);
"""
ORDERS = ("BUY", "SELL")


def refusal(data: HedgeAdjustment, now: datetime, *, takes_models: bool) -> str | None:
    """Why an adjustment may not be worked, or None."""
    if not data.executable and not takes_models:
        return f"not executable, pricing {data.pricing}"
    if data.approvals_required:
        return f"needs the approval of {data.approvals_required} people"
    if not data.simulated and data.valid_until is not None and datetime.fromisoformat(data.valid_until) <= now:
        return f"lapsed at {data.valid_until}"
    return None


def worked(root: str, *, takes_models: bool) -> Callable[[sqlite3.Connection, AdjustmentMessage], None]:
    """Return the effect of an adjustment on the paper book."""

    def work(connection: sqlite3.Connection, message: AdjustmentMessage) -> None:
        orders = [action for action in message.data.actions if action.side in ORDERS and action.qty > 0]
        if not orders:
            return
        why = refusal(message.data, datetime.now(UTC), takes_models=takes_models)
        if why is None and any(action.limit_price is None for action in orders):
            why = "an order without a limit"
        if why is not None:
            connection.execute("INSERT OR IGNORE INTO refused VALUES (?, ?)", [message.id, why])
            say(f"{message.id}: {why}")
            return
        fills = []
        for number, action in enumerate(orders, start=1):
            sign = 1 if action.side == "BUY" else -1
            fee = action.fees or 0.0
            row = [message.id, number, action.instrument, action.side, action.qty, action.limit_price, fee]
            connection.execute("INSERT INTO paper_order VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            fills.append(
                {"symbol": action.instrument, "quantity": sign * action.qty, "price": action.limit_price, "fee": fee}
            )
        reply = {"event_id": message.id, "decision": "executed", "by": "paper", "fills": fills}
        topic = f"{root}/{message.source.partition('/')[2]}/portfolio/{message.subject}/answer"
        connection.execute("INSERT INTO reply VALUES (?, ?, ?)", [message.id, topic, json.dumps(reply)])

    return work


class Replies:
    """Answers on their way: one leaves the queue when the broker has acknowledged it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take the queue's database."""
        self._connection = connection
        self._under_way: dict[str, mqtt.MQTTMessageInfo] = {}

    def send(self, client: mqtt.Client) -> None:
        """Send what is queued and not under way; forget what has arrived."""
        if not client.is_connected():
            return
        for key, info in list(self._under_way.items()):
            if info.is_published():
                self._connection.execute("DELETE FROM reply WHERE adjustment = ?", [key])
                del self._under_way[key]
        for key, topic, body in self._connection.execute("SELECT * FROM reply ORDER BY rowid").fetchall():
            if key not in self._under_way:
                self._under_way[key] = client.publish(topic, body, qos=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Keep a paper account for ever."""
    parser = argparse.ArgumentParser(description="turn adjustments into orders of a paper account")
    parser.add_argument("--broker", default="mqtt://localhost:1883", help="mqtt:// or mqtts:// URL")
    parser.add_argument("--root", default="alvh", help="first topic level")
    parser.add_argument("--instance", default="main")
    parser.add_argument("--store", type=Path, default=Path("paper.db"))
    parser.add_argument("--models", action="store_true", help="fill at model prices too: a simulation of a simulation")
    options = parser.parse_args(arguments)
    inbox = Inbox(options.store, TABLES)
    replies = Replies(inbox.connection)
    effect = worked(options.root, takes_models=options.models)
    listen(
        options.broker,
        topics=f"{options.root}/{options.instance}/portfolio/+/adjustment",
        client_id="alvh-paper-orders",
        on_message=lambda message: inbox.take(message, effect),
        on_round=replies.send,
    )


if __name__ == "__main__":
    main()
