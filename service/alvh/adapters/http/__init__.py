"""What a browser, a probe and a scraper see of the daemon: the page, its JSON, health, metrics."""

from alvh.adapters.http.server import HttpServer
from alvh.adapters.http.trail import Trail
from alvh.adapters.http.window import (
    AccountView,
    Advance,
    AnswerGiven,
    ApprovalView,
    Chart,
    ChartLine,
    Connection,
    FeedView,
    HeldPhase,
    InstrumentView,
    LegView,
    MoveView,
    PortfolioSummary,
    PortfolioView,
    QuoteView,
    SignalsView,
    Status,
    TimerView,
    Window,
)

__all__ = [
    "AccountView",
    "Advance",
    "AnswerGiven",
    "ApprovalView",
    "Chart",
    "ChartLine",
    "Connection",
    "FeedView",
    "HeldPhase",
    "HttpServer",
    "InstrumentView",
    "LegView",
    "MoveView",
    "PortfolioSummary",
    "PortfolioView",
    "QuoteView",
    "SignalsView",
    "Status",
    "TimerView",
    "Trail",
    "Window",
]
