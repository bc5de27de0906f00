"""The names of everything one instance keeps in Redis; one hash tag, so that a cluster keeps them on one node."""

from dataclasses import dataclass

from alvh.errors import InputError


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one instance.

    Attributes:
        instance: its name, from the configuration.
    """

    instance: str

    def __post_init__(self) -> None:
        """Refuse a name that would break the hash tag."""
        if not self.instance or any(sign in self.instance for sign in "{}"):
            raise InputError(f"instance: {self.instance!r} must not be empty nor contain braces")

    def _key(self, name: str) -> str:
        return f"{{alvh:{self.instance}}}:{name}"

    @property
    def journal(self) -> str:
        """Stream: one entry per event, id `<seq>-1`, fields `e` event, `p` the epoch it was committed under."""
        return self._key("journal")

    @property
    def outbox(self) -> str:
        """Stream: one entry per message, id `<seq>-<n>`, fields `t` topic, `b` body, `r` 1 when retained."""
        return self._key("outbox")

    @property
    def meta(self) -> str:
        """Hash: what the log is at.

        `epoch` and `leader` are the fencing token, `tail` the last seq, `position` the feed's, `relay` the last
        acknowledged message, `archived` the last event that stands in the leader's archive, `archive` its folder.
        """
        return self._key("meta")

    @property
    def checkpoint(self) -> str:
        """Hash: `seq` and `state` behind it."""
        return self._key("checkpoint")

    @property
    def lease(self) -> str:
        """String with expiry: `<epoch>|<holder>`."""
        return self._key("lease")

    @property
    def retained(self) -> str:
        """Hash: topic to `<message id> <body>` of its newest acknowledged message."""
        return self._key("retained")

    @property
    def signals(self) -> str:
        """Hash: the newest signals, for other readers."""
        return self._key("signals")

    @property
    def status(self) -> str:
        """String with expiry: what the leader says of itself, JSON, for `alvh status`."""
        return self._key("status")

    @property
    def signals_history(self) -> str:
        """Capped stream: the signals at each evaluation, for other readers."""
        return self._key("signals:history")
