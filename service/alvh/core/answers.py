"""What people say to adjustments: which answers count, how many agree, and what is left unanswered."""

from typing import Any, Final, NamedTuple

from alvh.core.announce import rfc3339
from alvh.core.events import Answer
from alvh.core.portfolio import PortfolioState

DECISIONS: Final = ("accept", "amend", "reject", "executed")
# Adjustments whose answers are kept: several years of one portfolio; the journal has them all.
KEPT: Final = 200
# Answers to one adjustment: a handful of people, each with a decision or two. They are part of the state, which must
# stay bounded whoever is let in.
MOST: Final = 32


class Refusal(NamedTuple):
    """Why an answer does not count: `reason` for counting, `detail` for a person."""

    reason: str
    detail: str


def refusal(state: PortfolioState, answer: Answer, now: int | None = None) -> Refusal | None:
    """Return why an answer does not count, or None.

    Args:
        state: of its portfolio.
        answer: what was said.
        now: the answer's time where it is the market's (a live feed), ns; None where only closes tell the time.
    """
    if answer.decision not in DECISIONS:
        return Refusal("malformed", f"decision: expected one of {', '.join(DECISIONS)}, got {answer.decision}")
    if not answer.by.strip():
        return Refusal("malformed", "by: expected who decided")
    if answer.decision in ("amend", "reject") and not (answer.reason or "").strip():
        return Refusal("malformed", f"reason: expected why, for {answer.decision}")
    given = state.answers.get(answer.event_id)
    if given is None:
        words = f"no adjustment of portfolio {state.portfolio_id} has this id, or it is long past"
        return Refusal("unknown", f"{answer.event_id}: {words}")
    return _closed(state, answer, given) or _late(state, answer, now)


def _late(state: PortfolioState, answer: Answer, now: int | None) -> Refusal | None:
    """Return that an agreement comes too late: prices and size were good until then (methodology 7, `expires_at`).

    What was executed has happened, and can be told for as long as the adjustment is the newest; a rejection takes
    nothing on.
    """
    proposal = _proposal(state, answer.event_id)
    if answer.decision not in ("accept", "amend") or "expires" not in proposal:
        return None
    if not proposal.get("is_past", False) and (now is None or now <= proposal["expires"]):
        return None
    words = f"expired at {rfc3339(proposal['expires'])}; what was executed can still be told, or the next one answered"
    return Refusal("expired", f"{answer.event_id}: {words}")


def _proposal(state: PortfolioState, event_id: str) -> dict[str, Any]:
    """What the desk remembers of an adjustment; nothing of one without a proposal, or long past."""
    found: dict[str, Any] = state.hedge.get("proposals", {}).get(event_id, {})
    return found


def pass_close(state: PortfolioState, close_ns: int) -> bool:
    """Let the newest adjustment's time run out at a session's close; return whether it lapsed, unanswered, by that."""
    event_id = state.prev_event_id or ""
    proposal = _proposal(state, event_id)
    if "expires" not in proposal or proposal.get("is_past", False) or proposal["expires"] > close_ns:
        return False
    proposal["is_past"] = True
    if event_id not in state.unanswered:
        return False
    proposal["has_lapsed"] = True
    state.unanswered.remove(event_id)
    state.hedge.pop("wanted", None)
    return True


def _closed(state: PortfolioState, answer: Answer, given: list[dict[str, Any]]) -> Refusal | None:
    """Return why nothing more can be said to an adjustment, or not this by this person, or None."""
    last_amend = max((at for at, said in enumerate(given) if said["decision"] == "amend"), default=-1)
    standing = given if answer.decision == "amend" else given[max(last_amend, 0) :]
    if any(said["decision"] == answer.decision and said["by"] == answer.by for said in standing):
        return Refusal("duplicate", f"{answer.event_id}: {answer.by} has said {answer.decision} before")
    decided = [said["decision"] for said in given]
    for last, words in (("reject", "rejected"), ("executed", "executed")):
        if last in decided:
            return Refusal("closed", f"{answer.event_id}: was {words}; nothing can be said to it any more")
    if len(given) >= MOST:
        return Refusal("flood", f"{answer.event_id}: {MOST} answers were given; no more are taken")
    is_settled = "accept" in decided or "amend" in decided
    if answer.event_id != state.prev_event_id and not (answer.decision == "executed" and is_settled):
        return Refusal("superseded", f"{answer.event_id}: superseded by {state.prev_event_id}")
    needed, agreed = state.required.get(answer.event_id, 0), len(approvers(given))
    if answer.decision == "executed" and agreed < needed:
        words = f"needs {needed} approvals before it is executed, has {agreed}"
        return Refusal("not_approved", f"{answer.event_id}: {words}")
    return None


def approvers(given: list[dict[str, Any]]) -> frozenset[str]:
    """Return who agrees, each name once: what was accepted before an amendment was another proposal."""
    last = max((at for at, said in enumerate(given) if said["decision"] == "amend"), default=0)
    return frozenset(
        said["by"].strip().casefold() for said in given[last:] if said["decision"] in ("accept", "amend")
    )  # fmt: skip


def is_approved(state: PortfolioState, event_id: str) -> bool:
    """Whether as many people agree to an adjustment as it needs, at least one, and nobody has rejected it."""
    given = state.answers.get(event_id, [])
    if any(said["decision"] == "reject" for said in given):
        return False
    return len(approvers(given)) >= max(state.required.get(event_id, 0), 1)


def status_of(state: PortfolioState, event_id: str) -> str:
    """Return where an adjustment stands.

    One of `open` (nobody needs to approve it), `pending`, `approved`, `rejected`, `executed`, `expired` (nobody had
    answered, or too few, by its `expires_at`), `superseded` (by the next one, before it was approved).
    """
    decided = [said["decision"] for said in state.answers.get(event_id, ())]
    for last, word in (("executed", "executed"), ("reject", "rejected")):
        if last in decided:
            return word
    if is_approved(state, event_id):
        return "approved"
    if event_id != state.prev_event_id:
        return "superseded"
    if _proposal(state, event_id).get("has_lapsed", False):
        return "expired"
    return "pending" if state.required.get(event_id, 0) else "open"


def require(state: PortfolioState, event_id: str, approvals: int) -> None:
    """Let an adjustment need at least so many approvals."""
    state.required[event_id] = max(state.required.get(event_id, 0), approvals)


def take(state: PortfolioState, answer: Answer) -> dict[str, Any]:
    """Record an answer that counts; return it as it stands in the record."""
    said = {
        "decision": answer.decision,
        "by": answer.by,
        "time": rfc3339(answer.ts_event),
        "reason": answer.reason,
        "amendments": [dict(amendment) for amendment in answer.amendments],
        "fills": [dict(fill) for fill in answer.fills],
    }
    state.answers[answer.event_id].append(said)
    return said


def settle(state: PortfolioState, event_id: str) -> None:
    """Let an adjustment that waits for no further approval leave the unanswered ones."""
    if event_id in state.unanswered and status_of(state, event_id) != "pending":
        state.unanswered.remove(event_id)


def expect(state: PortfolioState, event_id: str, approvals: int = 0) -> None:
    """Wait for an answer to a new adjustment; what it supersedes lapses, the oldest records go."""
    state.answers[event_id] = []
    state.required[event_id] = approvals
    state.unanswered = [event_id]
    while len(state.answers) > KEPT:
        oldest = next(iter(state.answers))
        del state.answers[oldest]
        state.required.pop(oldest, None)
