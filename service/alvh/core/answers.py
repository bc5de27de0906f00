"""What people say to adjustments: which answers count, and what is left unanswered."""

from typing import Any, Final

from alvh.core.announce import rfc3339
from alvh.core.events import Answer
from alvh.core.portfolio import PortfolioState

DECISIONS: Final = ("accept", "amend", "reject", "executed")
# Adjustments whose answers are kept: several years of one portfolio; the journal has them all.
KEPT: Final = 200


def refusal(state: PortfolioState, answer: Answer) -> str | None:
    """Return why an answer does not count, or None."""
    if answer.decision not in DECISIONS:
        return f"decision: expected one of {', '.join(DECISIONS)}, got {answer.decision}"
    if not answer.by:
        return "by: expected who decided"
    given = state.answers.get(answer.event_id)
    if given is None:
        return f"{answer.event_id}: no adjustment of portfolio {state.portfolio_id} has this id, or it is long past"
    return _closed(state, answer, given)


def _closed(state: PortfolioState, answer: Answer, given: list[dict[str, Any]]) -> str | None:
    """Return why nothing more can be said to an adjustment, or not this by this person, or None."""
    if any(said["decision"] == answer.decision and said["by"] == answer.by for said in given):
        return f"{answer.event_id}: {answer.by} has said {answer.decision} before"
    decided = [said["decision"] for said in given]
    for last, words in (("reject", "rejected"), ("executed", "executed")):
        if last in decided:
            return f"{answer.event_id}: was {words}; nothing can be said to it any more"
    is_settled = "accept" in decided or "amend" in decided
    if answer.event_id != state.prev_event_id and not (answer.decision == "executed" and is_settled):
        return f"{answer.event_id}: superseded by {state.prev_event_id}"
    return None


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
    if answer.event_id in state.unanswered:
        state.unanswered.remove(answer.event_id)
    return said


def expect(state: PortfolioState, event_id: str) -> None:
    """Wait for an answer to a new adjustment; what it supersedes lapses, the oldest records go."""
    state.answers[event_id] = []
    state.unanswered = [event_id]
    while len(state.answers) > KEPT:
        del state.answers[next(iter(state.answers))]
