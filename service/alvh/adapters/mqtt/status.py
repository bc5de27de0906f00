"""What a node says about itself on the status topic."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

STATUS_TYPE: Final = "alvh.service.status.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Who is speaking on the status topic.

    Attributes:
        instance: name of the instance.
        node: name of this process.
        version: of this package.
        epoch: fencing token.
        feed: kind of the feed.
        is_simulated: whether its prices are made up.
    """

    instance: str
    node: str
    version: str
    epoch: int
    feed: str
    is_simulated: bool

    def status(self, state: str, now_ns: int) -> bytes:
        """Return the CloudEvent that says `online` or `offline`."""
        moment = datetime.fromtimestamp(now_ns // 1_000_000_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
        event = {
            "specversion": "1.0",
            "id": f"status-{self.node}-{state}-{now_ns}",
            "source": f"alvh/{self.instance}",
            "type": STATUS_TYPE,
            "time": f"{moment}.{now_ns % 1_000_000_000:09d}Z",
            "datacontenttype": "application/json",
            "data": {
                "state": state,
                "node": self.node,
                "version": self.version,
                "feed": self.feed,
                "simulated": self.is_simulated,
            },
            "epoch": self.epoch,
        }
        return json.dumps(event, separators=(",", ":")).encode()

    def is_contradicted_by(self, body: bytes) -> bool:
        """Return whether what stands on the status topic must be set right while we lead.

        That is another node's (or our own older connection's) last will, an `online` of a node that led before us,
        and anything that is no status at all; not the word of a node with a higher epoch, which leads now.
        """
        try:
            event = json.loads(body)
            state, node, epoch = event["data"]["state"], event["data"]["node"], int(event["epoch"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return True  # also numbers without an end, and nesting deeper than a parser goes
        if epoch > self.epoch:
            return False
        return bool(state != "online" or node != self.node)
