"""What must hold of decisions that waited for chains: the log decides which came, and nothing else does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alvh.core.effects import Publish
from alvh.core.events import Event, OptionChain, TimerFired
from alvh.core.waiting import UNDERLYINGS
from alvh.shell.ports import Sourced
from simulation.asking import PROMPT_S, Asked, AskingEngine

_MARGIN_S = 0.2  # from the market's answer until the feed has handed it on


@dataclass(slots=True, kw_only=True)
class Waited:
    """One wait as the log has it.

    Attributes:
        number: of the wait.
        due: when it was to end without chains (ns UTC).
        began: epoch under which its trigger was committed.
        ended: epoch under which its end was; 0 while it waits.
        came: by underlying, the first answer to its request that the log has before its end.
    """

    number: int
    due: int
    began: int
    ended: int = 0
    came: dict[str, OptionChain] = field(default_factory=dict)


def waits_of(journal: Sequence[tuple[int, Event]]) -> list[Waited]:
    """Return the waits of a log, whose events come with the epoch they were committed under."""
    engine, waits = AskingEngine(), list[Waited]()
    for epoch, event in journal:
        before = engine.shelf.wait
        if before is not None and isinstance(event, OptionChain):
            is_asked = event.request_id == f"{before.number}-{event.underlying}"
            if is_asked and event.underlying not in waits[-1].came:
                waits[-1].came[event.underlying] = event
        engine.handle(event)
        after = engine.shelf.wait
        if before is not after:
            if before is not None:
                waits[-1].ended = epoch
            if after is not None:
                waits.append(Waited(number=after.number, due=after.due, began=epoch))
    return waits


def fault_free(tape: Sequence[Sourced], waits: Sequence[Waited]) -> list[Publish]:
    """What a run without a fault says, in a market that answers what it has answered here: at once, or not at all."""
    came = {waited.number: waited.came for waited in waits}
    engine, said = AskingEngine(), list[Publish]()
    for sourced in tape:
        said += _said(engine, sourced.event)
        wait = engine.shelf.wait
        if wait is None:
            continue
        for chain in came.get(wait.number, {}).values():
            said += _said(engine, chain)
        if engine.shelf.wait is wait:
            said += _said(engine, TimerFired(ts_event=wait.due, ts_recv=wait.due, timer_id=wait.timer_id))
    return said


def folded(journal: Sequence[tuple[int, Event]]) -> list[Publish]:
    """What a replay of the log says."""
    engine = AskingEngine()
    return [effect for _, event in journal for effect in _said(engine, event)]


def _said(engine: AskingEngine, event: Event) -> list[Publish]:
    return [effect for effect in engine.handle(event) if isinstance(effect, Publish)]


def errands(waits: Sequence[Waited], asked: Sequence[Asked], led: Mapping[int, str]) -> list[str]:
    """Who leads asks for what is open, and nobody else does.

    Args:
        waits: of the log.
        asked: what reached the market.
        led: who led under which epoch.
    """
    since = {who: min(epoch for epoch, leader in led.items() if leader == who) for who in led.values()}
    ended = {waited.number: waited.ended for waited in waits if waited.ended}
    faults = []
    for each in asked:
        number = int(each.request_id.partition("-")[0])
        if each.by not in since:
            faults.append(f"{each.request_id} was asked for by {each.by}, who never led")
        elif since[each.by] > ended.get(number, since[each.by]):
            faults.append(f"{each.request_id} was asked for by {each.by} when its wait was over")
    for waited in waits:
        for name in UNDERLYINGS:
            request = f"{waited.number}-{name}"
            if waited.ended and name not in waited.came:
                who = led.get(waited.ended)
                if all((each.request_id, each.by) != (request, who) for each in asked):
                    faults.append(f"{request} was given up by {who}, who had not asked for it")
    return faults


def untaken(waits: Sequence[Waited], asked: Sequence[Asked], led: Mapping[int, str], *, start_s: float) -> list[str]:
    """Answers that came in time to a leader that nothing held up, and were not taken; as `errands`.

    Args:
        waits: of the log.
        asked: what reached the market.
        led: who led under which epoch.
        start_s: wall time at which the virtual one began (s).
    """
    faults = []
    for waited in waits:
        for name in UNDERLYINGS:
            if name in waited.came or waited.began != waited.ended:
                continue
            who, due_s = led.get(waited.ended), waited.due / 1e9 - start_s
            faults += [
                f"{each.request_id} was answered at once, and {who} did not take it"
                for each in asked
                if (each.request_id, each.by) == (f"{waited.number}-{name}", who)
                and each.is_prompt
                and each.at + PROMPT_S + _MARGIN_S < due_s
            ]
    return faults
