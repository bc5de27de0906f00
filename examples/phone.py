"""Each adjustment as a notification on a phone, through the webhook of a notification service.

    python phone.py --broker mqtt://localhost:1883 --webhook https://ntfy.example/my-topic

The text is posted as the body, with a title and a priority as headers, as ntfy and its like take it. A notice is queued
in the transaction that takes the adjustment, and leaves the queue when the service has said yes; it carries the
adjustment's id, by which a service that knows `Idempotency-Key` can drop a repeat.
"""

import argparse
import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from exactly_once import Inbox, listen, say

from alvh.messages import AdjustmentMessage

TABLES = "CREATE TABLE IF NOT EXISTS notice (id TEXT PRIMARY KEY, title TEXT, body TEXT, priority TEXT);"
URGENT = {"DEFENCE", "CAP", "MOVE_3", "INFEASIBLE_FLOOR"}
LIMIT_S = 10.0  # for the service to answer; a notice that did not leave is tried again at the next round


def queued(connection: sqlite3.Connection, message: AdjustmentMessage) -> None:
    """Queue what the phone is to show."""
    data = message.data
    simulated = "SIMULATED - " if data.simulated else ""
    title = f"{simulated}{message.subject}: {', '.join(data.reason_codes)}"
    priority = "high" if URGENT & set(data.reason_codes) else "default"
    connection.execute("INSERT OR IGNORE INTO notice VALUES (?, ?, ?, ?)", [message.id, title, data.text, priority])


def deliver(connection: sqlite3.Connection, webhook: str, token: str | None) -> None:
    """Post what is queued, oldest first; stop at the first that does not leave."""
    for row, key, title, body, priority in connection.execute("SELECT rowid, * FROM notice ORDER BY rowid").fetchall():
        headers = {"Title": title, "Priority": priority, "Idempotency-Key": key, "Content-Type": "text/plain"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(webhook, data=body.encode(), headers=headers, method="POST")  # noqa: S310 - main takes http alone
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S):  # noqa: S310 - main takes http alone
                connection.execute("DELETE FROM notice WHERE rowid = ?", [row])
        except urllib.error.HTTPError as error:
            say(f"{key}: the service refused it with {error.code}; tried again")
            return
        except OSError as error:
            say(f"{key}: the service is away ({error}); tried again")
            return


def main(arguments: Sequence[str] | None = None) -> None:
    """Forward adjustments for ever. The service's token, if it wants one: environment variable PHONE_TOKEN."""
    parser = argparse.ArgumentParser(description="send each adjustment to a phone")
    parser.add_argument("--broker", default="mqtt://localhost:1883", help="mqtt:// or mqtts:// URL")
    parser.add_argument("--topics", default="alvh/main/portfolio/+/adjustment")
    parser.add_argument("--store", type=Path, default=Path("phone.db"))
    parser.add_argument("--webhook", required=True, help="http:// or https:// URL to post to")
    options = parser.parse_args(arguments)
    if not options.webhook.startswith(("http://", "https://")):
        parser.error("--webhook: expected an http:// or https:// URL")
    inbox, token = Inbox(options.store, TABLES), os.environ.get("PHONE_TOKEN")
    listen(
        options.broker,
        topics=options.topics,
        client_id="alvh-phone",
        on_message=lambda message: inbox.take(message, queued),
        on_round=lambda _: deliver(inbox.connection, options.webhook, token),
    )


if __name__ == "__main__":
    main()
