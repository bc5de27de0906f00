"""The `feed:` section: where prices come from, and every limit of a live feed with its reason."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field

from alvh.settings_methodology import Knobs

Port = Annotated[int, Field(ge=1, le=65_535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class SimulatedFeed(Knobs):
    """A made-up market, labelled so wherever it shows."""

    kind: Literal["simulated"]
    seed: int = Field(default=1, ge=0, description="same seed, same market")
    session_s: float = Field(default=5.0, ge=0, description="wall seconds a session takes; 0 is as fast as it goes")
    start: date = Field(default=date(2025, 1, 2), description="first session")


class TapeFeed(Knobs):
    """History from a folder of CSV files."""

    kind: Literal["tape"]
    path: Path = Field(validation_alias=AliasChoices("path", "folder", "source"), description="the folder")
    speed: Literal["full"] | Annotated[float, Field(gt=0)] = Field(
        default="full", description="full, or market seconds per wall second"
    )


class IbFeed(Knobs):
    """Interactive Brokers' TWS or IB Gateway, read-only."""

    kind: Literal["ib"]
    host: str = "127.0.0.1"
    port: Port = Field(default=4002, description="IB Gateway: 4001 live, 4002 paper; TWS: 7496, 7497")
    client_id: int = Field(default=17, ge=1, le=2_147_483_647, description="must be this service's alone")
    account: str | None = Field(default=None, description="account whose positions are read; default: the first")
    market_data_lines: int = Field(default=100, ge=10, description="lines the account may hold at once (IB: 100)")
    chain_lines: int = Field(
        default=20, ge=0, description="of these kept free for option chains on demand; at most a fifth"
    )
    vx_months: int = Field(default=8, ge=0, le=12, description="VX futures watched, the nearest first")
    vxm_months: int = Field(default=2, ge=0, le=12, description="VXM futures watched, the nearest first")
    etps: list[Literal["VIXY", "VXX"]] = Field(
        default=[],
        max_length=2,
        description="volatility ETPs watched, a line each: the last that stands in for VIX options too wide to trade",
    )
    stale_after_s: Seconds = Field(default=30.0, description="without a price tick in session, seconds")
    close_delay_s: float = Field(
        default=1200.0, ge=0, le=14_400, description="a close is evaluated so long after it, seconds"
    )
    conflate_ms: float = Field(default=250.0, ge=0, description="interval of conflation before the journal, ms")
    history_years: int = Field(default=2, ge=1, le=5, description="asked for at a first start; signals need 300 closes")
    history_requests: int = Field(
        default=50, ge=5, le=60, description="history requests in ten minutes (IB: 60, other programs' included)"
    )
    history_timeout_s: Seconds = Field(default=30.0, description="one history request, seconds")
    history_patience_s: Seconds = Field(
        default=60.0, description="how long a history that is wanted but not needed may hold a start up, seconds"
    )
    connect_timeout_s: Seconds = Field(default=10.0, description="handshake and log-in, seconds")
    request_timeout_s: Seconds = Field(default=10.0, description="contract details, positions, seconds")
    probe_interval_s: Seconds = Field(default=15.0, description="between questions whether the socket lives, seconds")
    probe_timeout_s: Seconds = Field(default=10.0, description="for their answer; behind both it is half-open, seconds")
    backoff_first_s: Seconds = Field(default=1.0, description="first wait before connecting again, doubled, jittered")
    backoff_cap_s: Seconds = Field(default=30.0, description="longest wait before connecting again, seconds")
    small_cap_patience_s: Seconds = Field(
        default=20.0, description="how long RUT may take to show that it is quoted before IWM is looked at, seconds"
    )


Feed = Annotated[SimulatedFeed | TapeFeed | IbFeed, Field(discriminator="kind")]
