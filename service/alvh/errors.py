"""What can go wrong, and whose fault it is."""


class AlvhError(Exception):
    """Base of every error this package raises on purpose; its text is one line for a person."""


class InputError(AlvhError):
    """The caller's fault: a bad configuration, tape, journal or argument (exit code 2).

    The text names the file, the field and what was expected.
    """


class OutageError(AlvhError):
    """The world's fault and passing: Redis, the broker or the feed is away; wait and try again."""


class ArchiveError(OutageError):
    """The archive cannot be written or read, or another process adds to it: wait and try again."""


class OtherArchiveError(InputError):
    """The archive in a folder is another log's, or of events that this log has lost: a person has to decide."""


class FencedError(AlvhError):
    """Another node has taken the lease, or the log's tail is not ours: drop what is in memory and follow."""


class JournalError(AlvhError):
    """The log does not say what it must (a hole, an unknown event, two contents for one id): stop and tell."""
