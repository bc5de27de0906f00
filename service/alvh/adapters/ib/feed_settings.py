"""What the IB feed is told: where the gateway is, what to watch, and every limit with its reason."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from alvh.adapters.ib.pacing import HISTORY_LIMIT


class Kind(StrEnum):
    """What an instrument is, which says how its ticks are read."""

    INDEX = "index"
    VOLATILITY = "volatility"
    FUND = "etf"
    ETP = "etp"  # a fund that is quoted to be traded: its book counts, and its silence alone makes nothing not ready
    FUTURE = "future"
    OPTION = "option"
    BREADTH = "breadth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One thing to subscribe to, as the broker describes it.

    Attributes:
        instrument_id: our name of it.
        expiry: last trade date, for options and futures.
        stale_after_s: without a price tick in session for so long it counts as silent.
    """

    instrument_id: str
    kind: Kind
    symbol: str
    exchange: str
    primary_exchange: str = ""
    expiry: date | None = None
    strike: float = 0.0
    right: str = ""
    trading_class: str = ""
    stale_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreadthIndex:
    """An index of advancing (told as bid) and declining issues (told as ask), and the series they are told as."""

    symbol: str
    exchange: str
    advancers: str
    decliners: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionLeg:
    """An option of the book: the id its quotes shall carry, and its contract."""

    instrument_id: str
    symbol: str
    trading_class: str
    expiry: date
    strike: float
    right: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlan:
    """What of a chain is fetched: per window of days to expiry the expiry nearest its middle, and strikes near spot.

    Attributes:
        days: (first, last) windows in calendar days; monthly expiries win over weeklies inside a window.
        lowest, highest: strikes as ratios of the underlying's price.
        classes: trading classes in order of preference.
    """

    underlying: str
    days: tuple[tuple[int, int], ...]
    lowest: float
    highest: float
    classes: tuple[str, ...]


# Windows of methodology 3.2: L1 20-45 days, the calendar's back leg, L3a 100-130 days; condors of 7 to 60 days.
DEFAULT_CHAINS: Final = (
    ChainPlan(
        underlying="VIX", days=((20, 45), (100, 130), (46, 75)), lowest=0.7, highest=3.0, classes=("VIX", "VIXW")
    ),
    ChainPlan(underlying="SPX", days=((20, 45), (7, 19), (46, 75)), lowest=0.85, highest=1.10, classes=("SPXW", "SPX")),
)
# Advancing issues are told as bid, declining as ask; what universe a series stands for is the reader's to say.
DEFAULT_BREADTH: Final = (
    BreadthIndex(symbol="AD-NYSE", exchange="NYSE", advancers="NYSE_ADVANCERS", decliners="NYSE_DECLINERS"),
    BreadthIndex(symbol="AD-NASD", exchange="NASDAQ", advancers="NASDAQ_ADVANCERS", decliners="NASDAQ_DECLINERS"),
)
_INDICES: Final = (
    ("SPX", Kind.INDEX, "CBOE"), ("RUT", Kind.INDEX, "RUSSELL"), ("VIX", Kind.VOLATILITY, "CBOE"),
    ("RVX", Kind.VOLATILITY, "CBOE"), ("VIX3M", Kind.VOLATILITY, "CBOE"), ("VIX9D", Kind.VOLATILITY, "CBOE"),
    ("VIX1D", Kind.VOLATILITY, "CBOE"), ("VVIX", Kind.VOLATILITY, "CBOE"),
)  # fmt: skip
DEFAULT_WATCHLIST: Final = (
    *(Watched(instrument_id=name, kind=kind, symbol=name, exchange=exchange) for name, kind, exchange in _INDICES),
    *(
        Watched(instrument_id=name, kind=Kind.FUND, symbol=name, exchange="SMART", primary_exchange="ARCA")
        for name in ("IWM", "SPY", "RSP")
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class IbFeedSettings:
    """Everything the feed needs to know; seconds, counts and lines.

    Attributes:
        client_id: from 1 on; id 0 would bind the orders of the desktop to us.
        wants_positions: whether positions become events.
        accounts: whose; none named means the first of the log-in.
        line_budget: market-data lines of the account (IB gives 100 at first).
        chain_reserve: lines kept free for chains on demand.
        stale_after_s: without a price tick in session for so long an index, fund or volatility index is not live.
        conflate_ms: interval of conflation.
        history_years: what a first warm-up asks for (300 sessions are needed at most; two years leave a reserve).
        etps: volatility ETPs watched beside (VIXY, VXX), whose shares may stand in for VIX options and futures.
        essential: not ready before their history is there; the small-cap index comes on top.
        connect_timeout_s: handshake and first sync.
        request_timeout_s: contract details, positions, option parameters.
        history_timeout_s: one history request.
        history_patience_s: how long the history of what is wanted but not essential may hold the start up.
        probe_interval_s, probe_timeout_s: together below the 35 s in which a half-open socket must be found.
        backoff_first_s, backoff_cap_s: waiting between attempts to connect, doubled up to the cap, jittered.
        verify_after_s: after the broker says that data is maintained, what has not ticked by then is asked for again.
        small_cap_patience_s: how long RUT, then IWM, may take to show that they are quoted.
        close_settle_s: a daily bar is taken as final so long after its close (the VIX family closes at 16:15).
        history_limit: history requests in ten minutes (the broker allows 60, other programs' included).
        queue_limit: events that may wait for the reader: a minute of the busiest second seen, some 10 MB.
    """

    host: str = "127.0.0.1"
    port: int = 4002
    client_id: int = 17
    wants_positions: bool = False
    accounts: tuple[str, ...] = ()
    watchlist: tuple[Watched, ...] = DEFAULT_WATCHLIST
    breadth: tuple[BreadthIndex, ...] = DEFAULT_BREADTH
    legs: tuple[OptionLeg, ...] = ()
    chains: tuple[ChainPlan, ...] = DEFAULT_CHAINS
    essential: tuple[str, ...] = ("SPX", "VIX")
    vx_months: int = 8
    vxm_months: int = 2
    etps: tuple[str, ...] = ()
    vx_history_days: int = 400
    line_budget: int = 100
    chain_reserve: int = 20
    stale_after_s: float = 30.0
    conflate_ms: float = 250.0
    history_years: int = 2
    connect_timeout_s: float = 10.0
    request_timeout_s: float = 10.0
    history_timeout_s: float = 30.0
    history_patience_s: float = 60.0
    chain_timeout_s: float = 8.0
    probe_interval_s: float = 15.0
    probe_timeout_s: float = 10.0
    backoff_first_s: float = 1.0
    backoff_cap_s: float = 30.0
    verify_after_s: float = 1.5
    small_cap_patience_s: float = 20.0
    close_settle_s: float = 1200.0
    history_limit: int = HISTORY_LIMIT
    queue_limit: int = 10_000

    def __post_init__(self) -> None:
        """Refuse what would make the client more than a reader."""
        if self.client_id < 1:
            raise ValueError("client_id: expected 1 or more (0 binds the orders of the desktop to this client)")


def _silent(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who is told what happens beside the events; each is called in the loop and must return at once.

    Attributes:
        on_error: every code the gateway sends, as (code); 0 is a message the client library could not decode.
        on_state: (state, detail) at each change of state, and again where only the detail changes.
        on_rejected: (instrument, reason): a price that was not taken, a line or a history left out.
        on_connected: whether prices can flow.
    """

    on_error: Callable[[int], None] = _silent
    on_state: Callable[[str, str], None] = _silent
    on_rejected: Callable[[str, str], None] = _silent
    on_connected: Callable[[bool], None] = _silent
