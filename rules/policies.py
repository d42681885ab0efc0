"""Policies: what the spans of the criteria entitle a learner to."""

from enum import StrEnum
from typing import NamedTuple, TypeAlias, assert_never

from rules.lengths import Length
from rules.spans import FOREVER, Span, Spans, normal
from rules.validity import Validity, end_of_validity


class Policy(StrEnum):
    """What follows when the criteria are no longer met."""

    KEEP = "keep"
    REVOKE = "revoke"


class Ending(StrEnum):
    """How an entitlement ends, if it does."""

    LOST = "lost"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class Entitled(NamedTuple):
    """A span during which a credential is due, and how it ends."""

    since: int
    until: int
    ending: Ending = Ending.LOST


Entitlement: TypeAlias = tuple[Entitled, ...]


def entitlement(
    policy: Policy, spans: Spans, *, grace: Length | None = None, valid_for: Validity | None = None
) -> Entitlement:
    """
    The spans during which a credential is due, of the spans during which its criteria were met.

    `keep`: from the first start on. `revoke`: the spans themselves, each longer by the `grace`. `valid_for` cuts
    each; what it cuts expires. (DESIGN.md, "From spans to status")
    """
    if not spans:
        return ()
    match policy:
        case Policy.KEEP:
            due: Spans = (Span(spans[0].since, FOREVER),)
        case Policy.REVOKE:
            due = spans if grace is None else normal(Span(since, grace.after(until)) for since, until in spans)
        case _:
            assert_never(policy)
    return tuple(found for found in (cut(span, valid_for) for span in due) if found.since < found.until)


def cut(span: Span, valid_for: Validity | None) -> Entitled:
    """A span as long as it is valid; what that cuts expires. Empty where validity was over before it began."""
    end = FOREVER if valid_for is None else end_of_validity(valid_for, span.since)
    return Entitled(span.since, end, Ending.EXPIRED) if end < span.until else Entitled(span.since, span.until)
