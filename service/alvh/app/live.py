"""The IB feed as the daemon runs it: settings mapped, the engine asked, what happens beside the events noticed."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from alvh.adapters.ib.codes import CODES
from alvh.adapters.ib.feed import UNDECODED, Fed, IbFeed
from alvh.adapters.ib.feed_settings import IbFeedSettings, Observer, OptionLeg
from alvh.app.lookout import Lookout
from alvh.core.effects import FetchChain
from alvh.core.engine import Engine
from alvh.core.hedge.settlement import class_rule
from alvh.core.hedge.symbols import occ_symbol, parse_occ
from alvh.core.instruments import INSTRUMENTS
from alvh.core.sessions import SessionCalendar
from alvh.settings import Settings
from alvh.settings_feeds import IbFeed as IbSettings
from alvh.shell.ports import Clock

_LOGGER: Final = logging.getLogger(__name__)
UNDECODED_LABEL: Final = "undecoded"
ERROR_CODES: Final = (*(str(code) for code in sorted(CODES)), UNDECODED_LABEL)
# The engine evaluates a close `close_delay_s` behind it; where it has not a minute later, history is asked.
_HISTORY_BEHIND_CLOSE_S: Final = 60.0
# Details that were said lately are not said again: an instrument that comes and goes is one line, not a thousand.
_SAID: Final = 64
# Lists of everything that is silent change with every wing of a chain; the page shows them, the log its instruments.
_LISTS: Final = "no live quote of"


def ib_settings(settings: Settings, feed: IbSettings) -> IbFeedSettings:
    """Return what the adapter is told."""
    hedges = any(portfolio.hedge == "alvh" for portfolio in settings.portfolios)
    # All the same account's positions where several portfolios name it.
    named = tuple(dict.fromkeys(p.from_account for p in settings.portfolios if p.from_account))
    return IbFeedSettings(
        host=feed.host,
        port=feed.port,
        client_id=feed.client_id,
        wants_positions=bool(named),
        accounts=named or ((feed.account,) if feed.account else ()),
        essential=("SPX", "VIX") if hedges else ("SPX",),
        vx_months=feed.vx_months,
        vxm_months=feed.vxm_months,
        etps=tuple(dict.fromkeys(feed.etps)),
        line_budget=feed.market_data_lines,
        chain_reserve=min(feed.chain_lines, feed.market_data_lines // 5) if hedges else 0,
        stale_after_s=feed.stale_after_s,
        conflate_ms=feed.conflate_ms,
        history_years=feed.history_years,
        history_limit=feed.history_requests,
        history_timeout_s=feed.history_timeout_s,
        history_patience_s=feed.history_patience_s,
        connect_timeout_s=feed.connect_timeout_s,
        request_timeout_s=feed.request_timeout_s,
        probe_interval_s=feed.probe_interval_s,
        probe_timeout_s=feed.probe_timeout_s,
        backoff_first_s=feed.backoff_first_s,
        backoff_cap_s=feed.backoff_cap_s,
        small_cap_patience_s=feed.small_cap_patience_s,
        close_settle_s=feed.close_delay_s + _HISTORY_BEHIND_CLOSE_S,
    )


class LiveFeed(IbFeed):
    """The IB feed; fetches chains for the shell's errands (`app.requests.ChainSource`)."""

    def fetch_chain(self, request_id: str, underlying: str) -> None:
        """Begin to fetch a chain; its answer is an event that carries the request's id."""
        self.begin(FetchChain(request_id=request_id, underlying=underlying))


def live_feed(
    settings: Settings, feed: IbSettings, sessions: SessionCalendar, engine: Callable[[], Engine], watch: "FeedWatch"
) -> LiveFeed:
    """Return the feed of an instance that leads from now on; nothing is connected before it is read."""
    return LiveFeed(
        ib_settings(settings, feed),
        clock=watch.clock,
        calendar=lambda: engine().sessions or sessions,
        observer=watch.observer(),
        fed=Fed(
            known_until=lambda: engine().known_until,
            watched=engine().portfolios.small_cap,
            legs=lambda: tuple(book_legs(settings, engine())),
        ),
    )


def book_legs(settings: Settings, engine: Engine) -> Iterator[OptionLeg]:
    """Yield the options of the book, each once: the condors' first, then the hedge's."""
    seen: set[str] = set()
    for symbol in _symbols(settings, engine):
        named = parse_occ(symbol)
        if named is None or symbol in seen:
            continue
        seen.add(symbol)
        yield OptionLeg(
            instrument_id=symbol, symbol=class_rule(named.trading_class).underlying, trading_class=named.trading_class,
            expiry=named.expiry, strike=named.strike, right=named.right,
        )  # fmt: skip


def _symbols(settings: Settings, engine: Engine) -> Iterator[str]:
    named = [condor.model_dump(mode="json") for portfolio in settings.portfolios for condor in portfolio.condors]
    accounts: list[Mapping[str, Any]] = [state.hedge.get("account") or {} for state in engine.portfolios.states]
    for condor in (*named, *(condor for account in accounts for condor in account.get("condors", ()))):
        for side, right in (("long_put", "P"), ("short_put", "P"), ("short_call", "C"), ("long_call", "C")):
            if condor.get(side) is not None:
                yield occ_symbol(condor["trading_class"], date.fromisoformat(condor["expiry"]), right, condor[side])
    for rank in range(len(engine.portfolios.states)):
        for leg in engine.legs(rank):
            yield str(leg["instrument"])


class FeedWatch:
    """What happens at a live feed beside its events: counted, kept for the page, and logged once.

    Args:
        lookout: metrics, and what the page is shown.
        clock: time of day and sleep.
    """

    def __init__(self, lookout: Lookout, clock: Clock) -> None:
        self.clock = clock
        self._lookout = lookout
        self._state = ""
        self._said: deque[str] = deque(maxlen=_SAID)

    def observer(self) -> Observer:
        """Return who is told; the feed of a new leadership begins unconnected."""
        self._lookout.connected("feed", False)
        self._state = ""
        return Observer(
            on_error=self._on_error,
            on_state=self._on_state,
            on_rejected=self._on_rejected,
            on_connected=lambda is_connected: self._lookout.connected("feed", is_connected),
        )

    def _on_rejected(self, name: str, reason: str) -> None:
        """Count it; of an instrument that signals are made of it is said too, as often as it befalls it."""
        self._lookout.refused(name, reason)
        if name in INSTRUMENTS:
            _LOGGER.warning("feed: %s: %s", name, reason.replace("_", " "))

    def _on_error(self, code: int) -> None:
        self._lookout.metrics.feed_error(UNDECODED_LABEL if code == UNDECODED else code)

    def _on_state(self, state: str, detail: str) -> None:
        if state != self._state:
            self._state = state
            _LOGGER.info("feed %s: %s", state, detail)
            self._said.append(detail)
            self._lookout.on_change()
        elif detail not in self._said and not detail.startswith(_LISTS):
            self._said.append(detail)
            _LOGGER.info("feed %s: %s", state, detail)
