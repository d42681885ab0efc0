"""What is due to a learner by the facts alone: every credential's entitlement, whatever was said before."""

from collections.abc import Mapping

from rules.course import Met
from rules.keys import ClauseId, CredentialId, LearnerKey
from rules.nesting import spans
from rules.policies import Entitlement, entitlement
from rules.rulebook import Rulebook
from rules.spans import Span, Spans, normal
from rules.tree import TreeView


def entitlements(
    rulebook: Rulebook, who: LearnerKey, clauses: Mapping[ClauseId, tuple[Met, ...]]
) -> dict[CredentialId, Entitlement]:
    """
    The entitlements that a learner's clauses give, those of nothing left out.

    Laws 1 and 2 speak of these: badges count here for as long as they are due, not as they were said.
    """
    found: dict[CredentialId, Entitlement] = {}
    held: dict[CredentialId, Spans] = {}
    view = TreeView(who=who, clauses=clauses, held=held)
    for credential in rulebook.in_order(rulebook.rules):
        rule = rulebook.rules[credential]
        of = rule.credential
        met = spans(rule.tree, view.spans)
        due = entitlement(of.when_no_longer_met, met, grace=of.grace, valid_for=of.valid_for)
        held[credential] = normal(Span(span.since, span.until) for span in due)
        if due:
            found[credential] = due
    return found
