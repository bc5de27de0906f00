"""The methodology's signals: statistics composed, one file per family, and the book that holds them all."""

from alvh.core.signals.book import Flags, SignalBook
from alvh.core.signals.model import Bar, Signal
from alvh.core.signals.parameters import SignalParameters

__all__ = ["Bar", "Flags", "Signal", "SignalBook", "SignalParameters"]
