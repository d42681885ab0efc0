"""Windows: which badges go together because they were earned close to each other."""

from rules.awards import award_id
from rules.criteria import Badges
from rules.keys import CredentialId, LearnerId, LearnerKey, TenantId
from rules.lengths import MICROSECONDS_A_DAY, Length
from rules.spans import FOREVER, Span, Spans
from rules.tree import TreeView

A, B, C = (CredentialId(name) for name in "abc")
WHO = LearnerKey(TenantId("t"), LearnerId("u"))
TWO_IN_TEN_DAYS = Badges(at_least=2, of=(A, B, C), within=Length(days=10))


def days(*spans: tuple[int, int | None]) -> Spans:
    return tuple(
        Span(since * MICROSECONDS_A_DAY, FOREVER if until is None else until * MICROSECONDS_A_DAY)
        for since, until in spans
    )


def view(**held: Spans) -> TreeView:
    return TreeView(who=WHO, clauses={}, held={CredentialId(name): spans for name, spans in held.items()})


def awards(found: TreeView, day: int) -> set[str]:
    [evidence] = found.said(TWO_IN_TEN_DAYS, day * MICROSECONDS_A_DAY)
    return set(evidence.awards)


def test_badges_go_together_if_the_window_holds_the_starts_of_enough_of_them() -> None:
    assert view(a=days((1, None)), b=days((11, None))).spans(TWO_IN_TEN_DAYS) == days((11, None))
    assert view(a=days((1, None)), b=days((12, None))).spans(TWO_IN_TEN_DAYS) == ()


def test_any_window_will_do_and_not_only_one_that_begins_with_the_first() -> None:
    found = view(a=days((1, None)), b=days((20, None)), c=days((25, None)))

    assert found.spans(TWO_IN_TEN_DAYS) == days((25, None))
    assert awards(found, 25) == {award_id(WHO, B), award_id(WHO, C)}


def test_what_was_taken_back_counts_no_more_and_was_earned_when_it_was_earned_again() -> None:
    assert view(a=days((1, 8)), b=days((5, None))).spans(TWO_IN_TEN_DAYS) == days((5, 8))
    again = view(a=days((1, 8), (30, None)), b=days((5, None)), c=days((33, None)))
    assert again.spans(TWO_IN_TEN_DAYS) == days((5, 8), (33, None))
    assert awards(again, 33) == {award_id(WHO, A), award_id(WHO, C)}


def test_how_far_one_is_is_how_many_of_one_window_are_held() -> None:
    apart = view(a=days((1, None)), b=days((20, None)))
    node = apart.badges_node(TWO_IN_TEN_DAYS, 30 * MICROSECONDS_A_DAY)

    assert (node.met, node.have, node.need, node.awards) == (False, 1, 2, (award_id(WHO, A),))
    assert node.clause == "badges 2 of a, b, c within 10 days"


def test_of_nothing_held_there_is_nothing() -> None:
    node = view().badges_node(TWO_IN_TEN_DAYS, 0)

    assert (node.met, node.have, node.awards) == (False, 0, ())
    assert view().spans(TWO_IN_TEN_DAYS) == ()
