"""Judging a credential's tree: clauses by the spans that courses gave them, badges by when they were held."""

from collections.abc import Mapping
from dataclasses import dataclass

from rules.awards import award_id
from rules.course import Met
from rules.criteria import Badges, Clause, Evidence, Leaf, Node, describe
from rules.keys import ClauseId, CredentialId, LearnerKey
from rules.rulebook import clause_id
from rules.spans import Span, Spans, at_least, holds_at


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
            case Badges(at_least=count, of=of):
                return at_least(count, [self.held.get(badge, ()) for badge in of])
            case _:
                msg = f"a credential's tree has no leaf {describe(leaf)}"
                raise TypeError(msg)

    def said(self, leaf: Leaf, time: int) -> tuple[Evidence, ...]:
        """What stands behind a leaf at that time: a clause's own evidence, or the awards of badges."""
        match leaf:
            case Clause(id=clause):
                return next((met.evidence for met in self.clauses.get(clause, ()) if met.since <= time < met.until), ())
            case Badges(of=of):
                return (Evidence(describe(leaf), (), tuple(self._awards(of, time))),)
            case _:
                msg = f"a credential's tree has no leaf {describe(leaf)}"
                raise TypeError(msg)

    def badges_node(self, leaf: Badges, time: int) -> Node:
        """How many of the badges are held at that time."""
        awards = tuple(self._awards(leaf.of, time))
        have = min(len(awards), leaf.at_least)
        return Node(describe(leaf), len(awards) >= leaf.at_least, have, leaf.at_least, "badges", (), (), awards)

    def _awards(self, of: tuple[CredentialId, ...], time: int) -> list[str]:
        return [award_id(self.who, badge) for badge in of if holds_at(self.held.get(badge, ()), time)]


def leaf_name(leaf: Leaf) -> str:
    """The name under which a standing keeps what it knows of a leaf."""
    return leaf.id if isinstance(leaf, Clause) else clause_id(leaf)
