"""A tape: a folder of CSV files, read as the ordered stream of events it stands for (interfaces, section 3)."""

from alvh.adapters.tape.feed import TapeFeed, tape_span

__all__ = ["TapeFeed", "tape_span"]
