"""Where messages go, and the last touch they get: the epoch of the leader that commits them."""

from dataclasses import dataclass

from alvh.core.effects import Publish
from alvh.shell.ports import OutboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Topics of one instance: `<root>/<instance>/...` (interfaces, section 6)."""

    root: str
    instance: str

    def of(self, publish: Publish) -> str:
        """Return the topic a message goes to."""
        if publish.portfolio is None:
            return f"{self.root}/{self.instance}/{publish.kind}"
        return f"{self.root}/{self.instance}/portfolio/{publish.portfolio}/{publish.kind}"

    def outbound(self, publish: Publish, *, seq: int, n: int, epoch: int) -> OutboundMessage:
        """Return the message as it is committed: the `n`-th (from 1) that event `seq` caused, under `epoch`."""
        return OutboundMessage(
            message_id=f"{seq}-{n}",
            topic=self.of(publish),
            body=with_epoch(publish.body, epoch),
            retained=publish.retained,
        )


def with_epoch(body: bytes, epoch: int) -> bytes:
    """Return a JSON object with `epoch` added as its last member; 0 in a replay."""
    assert body.endswith(b"}"), body[-20:]
    return b'%b,"epoch":%d}' % (body[:-1], epoch)
