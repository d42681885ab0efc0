"""The ledger: what Laurel has said of each award, and the one function that decides what it says next."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from rules.course import Met
from rules.criteria import Evidence
from rules.keys import ClauseId, CredentialId
from rules.policies import Ending, Entitled, Entitlement, Policy, cut
from rules.spans import FOREVER, Span, Spans, complement, intersection, normal
from rules.validity import Validity

# So many acts are kept of one award, the latest: nobody grants and revokes as often.
ACTS = 64


class Status(StrEnum):
    """What an award is."""

    AWARDED = "awarded"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Act(NamedTuple):
    """A grant or a revocation by hand. What a person did is source data, as facts are."""

    occurred_at: int
    sequence: int
    event_id: str
    grants: bool
    who: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    What has been said of one award.

    `said` is the entitlement that stands behind what was said. When that has ended by the clock it stays, so that the
    same is said again; when there is none any more it goes, and what was taken back does not come again because a
    policy became `keep`. `version` is that of the criteria under which it was earned, as the evidence is.
    """

    revision: int = 0
    status: Status | None = None
    span: Entitled | None = None
    said: Entitled | None = None
    acts: tuple[Act, ...] = ()
    held: Spans = ()
    evidence: tuple[Evidence, ...] = ()
    version: str = ""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """All that was said to one learner, and the spans of their clauses, judged under one catalogue."""

    judged_under: str = ""
    clauses: dict[ClauseId, tuple[Met, ...]] = field(default_factory=dict)
    entries: dict[CredentialId, Entry] = field(default_factory=dict)


def joined_act(acts: tuple[Act, ...], act: Act) -> tuple[Act, ...]:
    """Add an act to what people did, in order; the same again changes nothing. Of too many the latest are kept."""
    return tuple(sorted({*acts, act}))[-ACTS:]


def act_at(entry: Entry, time: int) -> Act | None:
    """The act that counts at a time: the latest by then, if there is one."""
    return max((act for act in entry.acts if act.occurred_at <= time), default=None)


def status(
    entitlement: Entitlement, entry: Entry, policy: Policy, time: int, *, valid_for: Validity | None = None
) -> tuple[Status | None, Entitled | None]:
    """
    What to say of an award at a time, of what is due and of what was said before.

    What was said binds: a holder under `keep` keeps (DESIGN.md, "From spans to status"). What is granted by hand is
    valid for as long as what is earned.
    """
    act = act_at(entry, time)
    if act is not None and not act.grants:
        return Status.REVOKED, None
    due = entitlement if act is None else with_grant(entitlement, act, valid_for)
    span = max((span for span in due if span.since <= time), default=None)
    said = entry.said
    if policy is Policy.KEEP and said is not None and (span is None or said.until > span.until):
        span = said
    if span is None:
        return (Status.REVOKED if entry.revision else None), None
    if time < span.until:
        return Status.AWARDED, span
    return (Status.REVOKED if span.ending is Ending.LOST else Status.EXPIRED), span


def with_grant(entitlement: Entitlement, act: Act, valid_for: Validity | None = None) -> Entitlement:
    """What is due together with a grant: from the act on while it is valid, whatever was met and lost after it."""
    granted = cut(Span(act.occurred_at, FOREVER), valid_for)
    if granted.since >= granted.until:
        return entitlement
    joined = [granted, *[span for span in entitlement if span.since <= granted.until and granted.since <= span.until]]
    until, ending = max((span.until, span.ending) for span in joined)
    before = [span for span in entitlement if span.until < granted.since]
    after = [span for span in entitlement if granted.until < span.since]
    return (*before, Entitled(min(span.since for span in joined), until, ending), *after)


def held(entitlement: Entitlement, entry: Entry, policy: Policy, *, valid_for: Validity | None = None) -> Spans:
    """When a badge counts as held: while it is due or, under `keep`, was said to be, and was not taken back by hand."""
    due = [Span(span.since, span.until) for span in entitlement]
    if policy is Policy.KEEP and entry.said is not None:
        due.append(Span(entry.said.since, entry.said.until))
    taken_back: list[Span] = []
    for act in sorted(entry.acts):
        if taken_back and taken_back[-1].until == FOREVER and act.grants:
            taken_back[-1] = Span(taken_back[-1].since, act.occurred_at)
        if act.grants:
            due.append(Span(*cut(Span(act.occurred_at, FOREVER), valid_for)[:2]))
        elif not taken_back or taken_back[-1].until != FOREVER:
            taken_back.append(Span(act.occurred_at, FOREVER))
    return intersection([normal(due), complement(normal(taken_back))]) if taken_back else normal(due)
