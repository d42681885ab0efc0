"""Policies: what the spans of the criteria entitle a learner to."""

from enum import StrEnum
from typing import NamedTuple, TypeAlias, assert_never

from rules.spans import FOREVER, Spans


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


def entitlement(policy: Policy, spans: Spans) -> Entitlement:
    """
    The spans during which a credential is due, of the spans during which its criteria were met.

    `keep`: from the first start on. `revoke`: the spans themselves. (DESIGN.md, "From spans to status")
    """
    if not spans:
        return ()
    match policy:
        case Policy.KEEP:
            return (Entitled(spans[0].since, FOREVER),)
        case Policy.REVOKE:
            return tuple(Entitled(span.since, span.until) for span in spans)
        case _:
            assert_never(policy)
