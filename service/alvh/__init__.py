"""ALVH signal service: the messages a subscriber reads, and the version."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from alvh.messages import (
        AdjustmentMessage,
        Answer,
        HedgeAdjustment,
        HedgeTarget,
        ServiceStatus,
        SignalsMessage,
        SignalSnapshot,
        StatusMessage,
        TargetMessage,
    )

__version__: Final = "0.1.0"

__all__ = [
    "AdjustmentMessage",
    "Answer",
    "HedgeAdjustment",
    "HedgeTarget",
    "ServiceStatus",
    "SignalSnapshot",
    "SignalsMessage",
    "StatusMessage",
    "TargetMessage",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load the message models when one is asked for: building them takes longer than most commands."""
    if name in __all__:
        return getattr(import_module("alvh.messages"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
