"""Warm-up: the daily history that must be told before anything is armed, fetched within the broker's pacing."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from ib_async import Contract

from alvh.adapters.ib.contracts import ContractBook
from alvh.adapters.ib.feed_settings import IbFeedSettings, Kind, Observer, Watched
from alvh.adapters.ib.link import Link, RefusedError
from alvh.adapters.ib.pacing import HistoryPacing
from alvh.adapters.ib.ticks import price_of
from alvh.core.events import DailyBar, Event, FuturesCurve, SessionClose
from alvh.core.portfolios import SMALL_CAPS
from alvh.core.sessions import SessionCalendar
from alvh.errors import OutageError
from alvh.shell.ports import Clock

# The broker serves fifty at once; more than a few only queue behind its own limits.
CONCURRENT_REQUESTS: Final = 6
_KINDS_WITH_HISTORY: Final = frozenset({Kind.INDEX, Kind.VOLATILITY, Kind.FUND})
_FIRST_RETRY_S: Final = 16.0
_LONGEST_RETRY_S: Final = 300.0
_DAYS_OF_A_YEAR: Final = 365
# A refusal (162) that speaks of these may be over when it is asked again; any other means: there is none.
_PASSING: Final = ("pacing", "cancel", "connect", "timeout", "timed out")
_HISTORY_REFUSED: Final = 162
# A history that ends this near to now is still one to begin with: over a holiday the broker may lag, or know one more.
_RECENT_SESSIONS: Final = 4
# The choice of the small-cap index is made once: so often RUT's history must be denied in a row.
_DENIALS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The sessions whose closes are missing: later than `after` (None: as many as are worth having), up to `last`."""

    after: date | None
    last: date

    def __str__(self) -> str:
        """Say it for a person."""
        return f"to {self.last}" if self.after is None else f"behind {self.after} to {self.last}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing is missing."""
        return self.after is not None and self.after >= self.last

    def duration(self, years: int) -> str:
        """Return the broker's words for the span that has to be asked for from today on."""
        if self.after is None:
            return f"{years} Y"
        # Today may lie some days behind the last session; a day too many is left out again, one too few is a hole.
        days = (self.last - self.after).days + 7
        return f"{days} D" if days <= _DAYS_OF_A_YEAR else f"{-(-days // _DAYS_OF_A_YEAR)} Y"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One history to fetch: under which name, of which contract; the settlement of a future."""

    name: str
    contract: Contract
    expiry: date | None = None


Closes = dict[date, float]


class WarmUp:
    """Fetches what is missing and turns it into events.

    Args:
        settings: limits and what is essential.
        clock: time and sleeping.
        observer: told what is left out.

    Attributes:
        waiting: what is waited for, by name, and why.
        left_out: whose history could not be had, or ends too early, and what there is to say; by name.
    """

    def __init__(self, settings: IbFeedSettings, clock: Clock, observer: Observer) -> None:
        """Start with nothing fetched."""
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._pacing = HistoryPacing(settings.history_limit)
        self._turn = asyncio.Lock()
        self._slots = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self._closes: dict[str, Closes] = {}
        self._gap: Gap | None = None
        self._small_cap = SMALL_CAPS[0]
        self._is_decided = asyncio.Event()
        self._denials = 0
        self.waiting: dict[str, str] = {}
        self.left_out: dict[str, str] = {}

    async def fetch(
        self, link: Link, contracts: ContractBook, gap: Gap, calendar: SessionCalendar, watched: str | None
    ) -> tuple[Event, ...]:
        """Return the events of the missing sessions, by session and name; the curve behind the bars, then the close.

        Waits for ever for what is essential; what is only wanted is given up after a while, or at once where the
        broker has none. What was fetched is kept until all is there, so that a broken connection costs nothing.

        Args:
            link: the connection.
            contracts: what is resolved.
            gap: the missing sessions.
            calendar: the sessions in force.
            watched: the small-cap index, where it is chosen already.
        """
        if gap != self._gap:
            self._gap = gap
            self._closes.clear()
        known = [name for name in SMALL_CAPS if contracts.contract(name) is not None]
        self._small_cap = watched or next(iter(known), SMALL_CAPS[0])
        self._is_decided, self._denials = asyncio.Event(), 0
        if watched is not None or len(known) < len(SMALL_CAPS) or SMALL_CAPS[0] in self._closes:
            self._is_decided.set()
        self.left_out.clear()
        jobs = self._jobs(contracts)
        if contracts.futures:
            futures = await contracts.past_futures(link, calendar, self._first_session(gap))
            jobs += [Job(name=f"VX {day}", contract=future, expiry=day) for day, future in futures]
        jobs = [job for job in jobs if job.name not in self._closes]
        self.waiting = {job.name: "history: not asked yet" for job in jobs if self._is_essential(job.name)}
        try:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(self._complete(link, job, gap), name=f"ib-history-{job.name}")
        except ExceptionGroup as failures:
            outages, bugs = failures.split(OutageError)
            if bugs is not None:
                raise bugs from None
            raise OutageError("the connection ended while history was fetched") from outages
        closes, self._closes = self._closes, {}
        self.waiting = {}
        needed = {*self._settings.essential, self._small_cap}
        for name in sorted(closes.keys() & needed):
            if gap.last not in closes[name]:
                self._leave_out(name, f"its history ends with {max(closes[name])}")
        begins = _begins([closes.get(name, {}) for name in needed], gap, calendar)
        return tuple(_events(closes, gap, begins, calendar, self._clock.now()))

    def _leave_out(self, name: str, what: str = "its history could not be had") -> None:
        self.left_out[name] = what
        self._observer.on_rejected(name, "no_history")

    def _is_essential(self, name: str) -> bool:
        return name in self._settings.essential or name == self._small_cap

    def _first_session(self, gap: Gap) -> date:
        earliest = date.fromordinal(gap.last.toordinal() - self._settings.vx_history_days)
        return earliest if gap.after is None else max(gap.after, earliest)

    def _jobs(self, contracts: ContractBook) -> list[Job]:
        watched: Iterable[Watched] = self._settings.watchlist
        names = [w.instrument_id for w in watched if w.kind in _KINDS_WITH_HISTORY]
        rows = [(name, contracts.contract(name)) for name in names]
        return [Job(name=name, contract=contract) for name, contract in rows if contract is not None]

    async def _complete(self, link: Link, job: Job, gap: Gap) -> None:
        """Ask until the history is there, or may be given up."""
        give_up_at = self._clock.now() + round(self._settings.history_patience_s * 1e9)
        retry_s = _FIRST_RETRY_S
        while True:
            trouble, is_hopeless = await self._try(link, job, gap)
            if trouble is not None and not link.ib.client.isReady():
                raise OutageError("the connection ended")
            if job.name == SMALL_CAPS[0] and not self._is_decided.is_set():
                self._decide_small_cap(has_history=trouble is None, is_hopeless=is_hopeless)
            if trouble is None:
                self.waiting.pop(job.name, None)
                return
            if job.name == SMALL_CAPS[1] and is_hopeless:
                await self._is_decided.wait()
            if self._is_essential(job.name):
                self.waiting[job.name] = trouble
            elif is_hopeless or job.expiry is not None or self._clock.now() + round(retry_s * 1e9) > give_up_at:
                self._leave_out(job.name)
                return
            await self._clock.sleep(retry_s)
            retry_s = min(2 * retry_s, _LONGEST_RETRY_S)

    def _decide_small_cap(self, *, has_history: bool, is_hopeless: bool) -> None:
        """Watch the index, or its fund where the broker says again and again that it has no history of the index."""
        self._denials = self._denials + 1 if is_hopeless else 0
        is_hopeless = self._denials >= _DENIALS
        if is_hopeless:
            self._small_cap = SMALL_CAPS[1]
            self.waiting.pop(SMALL_CAPS[0], None)
            if self._small_cap not in self._closes:
                self.waiting[self._small_cap] = "history: not there yet"
        if is_hopeless or has_history:
            self._is_decided.set()

    async def _try(self, link: Link, job: Job, gap: Gap) -> tuple[str | None, bool]:
        """Ask once; return what went wrong, and whether asking again is hopeless."""
        timeout_s = self._settings.history_timeout_s
        async with self._slots:
            await self._wait_for_turn(job.name)
            began = self._clock.now()
            try:
                bars = await link.ask(
                    lambda: link.ib.reqHistoricalDataAsync(
                        job.contract, "", gap.duration(self._settings.history_years), "1 day", "TRADES",
                        useRTH=True, timeout=timeout_s,
                    ),
                    timeout_s + 1,
                )  # fmt: skip
            except RefusedError as refused:
                is_passing = any(word in refused.text.lower() for word in _PASSING)
                return f"history: {refused}", refused.code == _HISTORY_REFUSED and not is_passing
            except OutageError as outage:
                return f"history: {outage}", False
        closes = {
            day: close
            for bar in bars
            if (day := _session_date(bar.date)) is not None and (close := price_of(bar.close)) is not None
        }
        if not closes:
            if self._clock.now() - began < timeout_s * 1e9:
                return "history: an empty answer", True
            return f"history: no answer within {timeout_s:g} s", False
        self._closes[job.name] = closes
        return None, False

    async def _wait_for_turn(self, name: str) -> None:
        async with self._turn:
            now = self._clock.now()
            at = self._pacing.earliest(name, now)
            if at > now:
                await self._clock.sleep((at - now) / 1e9)
            self._pacing.note(name, self._clock.now())


def _session_date(at: object) -> date | None:
    if isinstance(at, datetime):
        return at.date()
    return at if isinstance(at, date) else None


def _begins(needed: Iterable[Closes], gap: Gap, calendar: SessionCalendar) -> date:
    """Return the session with which a new instance begins: the newest that has all prices, if it is a recent one.

    Behind an older one prices may lie anywhere: then the instance begins with the next close that it sees itself.
    """
    recent = calendar.sessions_between(gap.last - timedelta(days=2 * _RECENT_SESSIONS), gap.last)[-_RECENT_SESSIONS:]
    whole = [session.date for session in recent if all(session.date in closes for closes in needed)]
    return whole[-1] if whole else gap.last


def _events(closes: dict[str, Closes], gap: Gap, begins: date, calendar: SessionCalendar, now: int) -> Iterable[Event]:
    """Yield bars by (session, name), the curve behind the bars of each session, and its close.

    From the first session with a bar on every session of the exchange has its close, whether it has bars or not.
    """
    expiries = {name: date.fromisoformat(name.removeprefix("VX ")) for name in closes if name.startswith("VX ")}
    wanted: Callable[[date], bool] = lambda day: (gap.after is None or day > gap.after) and day <= gap.last  # noqa: E731
    known = [day for own in closes.values() for day in own if wanted(day) and calendar.is_session(day)]
    first = min(known, default=gap.last) if gap.after is None else gap.after + timedelta(days=1)
    for session in calendar.sessions_between(first, gap.last):
        day = session.date
        for name in sorted(closes.keys() - expiries.keys()):
            if day in closes[name]:
                yield DailyBar(
                    ts_event=session.close_ns, ts_recv=now, instrument_id=name, session=day, close=closes[name][day]
                )
        nodes = sorted(
            (expiry, closes[name][day], None, None)
            for name, expiry in expiries.items()
            if expiry > day and day in closes[name]
        )
        if nodes:
            yield FuturesCurve(ts_event=session.close_ns, ts_recv=now, symbol="VX", nodes=tuple(nodes))
        yield SessionClose(ts_event=session.close_ns, ts_recv=now, session=day, is_history=day < begins)
