"""Judging a credential's tree: clauses by the spans that courses gave them, badges by when they were held."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.awards import award_id
from rules.course import Met
from rules.criteria import Badges, Before, Clause, Evidence, Leaf, Node, describe
from rules.keys import ClauseId, CredentialId, LearnerKey
from rules.nesting import spans
from rules.rulebook import clause_id
from rules.spans import NEVER, Span, Spans, at_least, holds_at
from rules.windows import at_least_within, begun_within, starts


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeView:
    """What the leaves of credentials' trees stand on, for one learner."""

    who: LearnerKey
    clauses: Mapping[ClauseId, tuple[Met, ...]]
    held: dict[CredentialId, Spans]

    def spans(self, leaf: Leaf) -> Spans:
        """When a leaf held."""
        match leaf:
            case Clause(id=clause):
                return tuple(Span(met.since, met.until) for met in self.clauses.get(clause, ()))
            case Badges(at_least=count, of=of, within=within):
                lists = [self.held.get(badge, ()) for badge in of]
                return at_least(count, lists) if within is None else at_least_within(count, within, lists)
            case _:
                msg = f"a credential's tree has no leaf {describe(leaf)}"
                raise TypeError(msg)

    def said(self, leaf: Leaf, time: int) -> tuple[Evidence, ...]:
        """What stands behind a leaf at that time: a clause's own evidence, or the awards of badges."""
        match leaf:
            case Clause(id=clause):
                return next((met.evidence for met in self.clauses.get(clause, ()) if met.since <= time < met.until), ())
            case Badges():
                return (Evidence(describe(leaf), (), tuple(self._awards(leaf, time))),)
            case _:
                msg = f"a credential's tree has no leaf {describe(leaf)}"
                raise TypeError(msg)

    def badges_node(self, leaf: Badges, time: int) -> Node:
        """How many of the badges are held at that time; with a window, how many of one."""
        awards = tuple(self._awards(leaf, time))
        have = min(len(awards), leaf.at_least)
        return Node(describe(leaf), len(awards) >= leaf.at_least, have, leaf.at_least, "badges", (), (), awards)

    def has_met(self, deadline: Before) -> bool:
        """Whether it was met before its time. What is known of it may still be to come, by a clock that runs ahead."""
        return spans(deadline, self.spans) != NEVER

    def _awards(self, leaf: Badges, time: int) -> list[str]:
        """The awards of the badges that are held; with a window, of the first that has most of them."""
        lists = [self.held.get(badge, ()) for badge in leaf.of]
        if leaf.within is not None:
            windows = [begun_within(leaf.within, lists, since) for since in starts(lists)]
            lists = max(windows, key=lambda window: _open(window, time), default=lists)
        return [award_id(self.who, badge) for badge, held in zip(leaf.of, lists, strict=True) if holds_at(held, time)]


def _open(lists: list[Spans], time: int) -> int:
    return sum(1 for held in lists if holds_at(held, time))


def leaf_name(leaf: Leaf) -> str:
    """The name under which a standing keeps what it knows of a leaf."""
    return leaf.id if isinstance(leaf, Clause) else clause_id(leaf)
