"""The verdict on one credential of one learner: what is due, what was said, and what to say now."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rules.awards import Award, CredentialKind, Reason, award_id
from rules.criteria import Evidence
from rules.keys import Instant, LearnerKey
from rules.ledger import Entry, Status, act_at, held, status
from rules.policies import Ending, Entitled, Entitlement, entitlement
from rules.rulebook import Rule
from rules.spans import FOREVER, Spans, holds_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the ledger says now, the award to tell of (none when nothing changed), and when to look again."""

    entry: Entry
    award: Award | None
    due_at: int | None


def verdict(
    rule: Rule,
    entry: Entry,
    spans: Spans,
    *,
    who: LearnerKey,
    time: Instant,
    evidence_at: Callable[[int], tuple[Evidence, ...]],
) -> Verdict:
    """
    Decide one credential (DESIGN.md, "From spans to status").

    The revision goes up exactly when a message would say something else than the last (decision 0013), so saying a
    thing twice changes nothing.
    """
    credential, policy = rule.credential, rule.credential.when_no_longer_met
    due = entitlement(policy, spans, grace=credential.grace, valid_for=credential.valid_for)
    now, span = status(due, entry, policy, time, valid_for=credential.valid_for)
    changed = shown(now, span) != shown(entry.status, entry.span)
    if not changed and span != entry.span:
        entry = replace(entry, span=span, said=span)
    if changed:
        is_met = now is Status.AWARDED and span is not None and holds_at(spans, span.since)
        # Also of what has ended: a certificate that is kept may count it, and its evidence has to lead somewhere.
        backed = _backed(entry, spans, span, time, evidence_at) if span is not None else ()
        entry = replace(
            entry,
            revision=entry.revision + 1,
            status=now,
            span=span,
            said=span,
            evidence=backed or entry.evidence,
            # What binds because it was said names the criteria that it was earned under (decision 0013).
            version=rule.version if is_met or not entry.version else entry.version,
        )
    entry = replace(entry, held=held(due, entry, policy, valid_for=credential.valid_for))
    award = None
    if changed and now is not None:
        award = Award(
            award_id=award_id(who, credential.id),
            revision=entry.revision,
            status=now,
            kind=credential.kind,
            credential=credential.id,
            credential_version=entry.version,
            tenant=who.tenant,
            learner=who.learner,
            met_at=None if span is None else Instant(span.since),
            expires_at=_expiry(span),
            decided_at=time,
            reason=_reason(entry, now, time),
            evidence=entry.evidence if now is Status.AWARDED else (),
        )
    return Verdict(entry=entry, award=award, due_at=_next_edge(due, entry, time))


def shown(now: Status | None, span: Entitled | None) -> tuple[Status | None, int | None, int | None]:
    """What a message says of a status and its span: not when it was, or will be, lost, such as at the end of grace."""
    return now, None if span is None else span.since, _expiry(span)


def is_told(award: Award) -> bool:
    """Whether the world hears of it: milestones stay inside."""
    return award.kind is not CredentialKind.MILESTONE


def _backed(
    entry: Entry, met: Spans, span: Entitled, time: int, evidence_at: Callable[[int], tuple[Evidence, ...]]
) -> tuple[Evidence, ...]:
    """What stands behind an award: who granted it said so in an event; what was not met is no evidence beside it."""
    act = act_at(entry, time)
    if act is None or not act.grants:
        return evidence_at(span.since)
    granted = Evidence(Reason.GRANTED.value, (act.event_id,))
    return (granted, *(evidence_at(span.since) if holds_at(met, span.since) else ()))


def _expiry(span: Entitled | None) -> Instant | None:
    return Instant(span.until) if span is not None and span.ending is Ending.EXPIRED else None


def _reason(entry: Entry, now: Status, time: int) -> Reason:
    act = act_at(entry, time)
    match now:
        case Status.AWARDED:
            return Reason.GRANTED if act is not None and act.grants else Reason.MET
        case Status.REVOKED:
            return Reason.REVOKED if act is not None and not act.grants else Reason.NO_LONGER_MET
        case Status.EXPIRED:
            return Reason.EXPIRED


def _next_edge(due: Entitlement, entry: Entry, time: int) -> int | None:
    spans = due if entry.said is None else (*due, entry.said)
    edges = [*[edge for span in spans for edge in span[:2]], *[act.occurred_at for act in entry.acts]]
    return min((edge for edge in edges if time < edge < FOREVER), default=None)
