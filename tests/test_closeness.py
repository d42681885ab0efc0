"""How close a credential is, and what is missing on the shortest way: in examples, and for any tree."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.awards import CredentialKind, Standing
from rules.closeness import WHOLE, closeness, missing, nearest_first, with_milestones
from rules.criteria import Badges, Node
from rules.keys import CredentialId
from rules.ledger import Status
from tests.awards import standing


def topics(have: int, need: int, name: str = "topics") -> Node:
    return Node(name, have >= need, have, need, "topics")


def group(need: int, *parts: Node, met: bool | None = None) -> Node:
    have = sum(part.met for part in parts)
    return Node("group", have >= need if met is None else met, min(have, need), need, "conditions", (), parts)


HALF, QUARTER, DONE, NOTHING = topics(2, 4, "half"), topics(1, 4, "quarter"), topics(4, 4, "done"), topics(0, 4, "none")
UNRELEASED = topics(4, 4, "four, and yet not")._replace(met=False)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (DONE, WHOLE),
        (NOTHING, 0),
        (HALF, 5_000),
        (Node("final_grade A ≥ 70", False, 6_650, 7_000, "percent"), 9_500),
        (group(2, HALF, DONE), 7_500),
        (group(1, HALF, QUARTER), 5_000),
        (group(2, NOTHING, QUARTER, HALF), 3_750),
        (group(2, group(1, NOTHING, HALF), QUARTER), 3_750),
        (UNRELEASED, 8_000),
        (group(1, DONE, met=False), 0),
        (Node("what needs nothing", False, 0, 0, "topics"), 0),
        (group(3, topics(1, 3), NOTHING, NOTHING), 1_111),
    ],
)
def test_closeness_is_the_share_of_the_best_parts_that_are_needed(node: Node, expected: int) -> None:
    assert closeness(node) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (DONE, ()),
        (HALF, (HALF,)),
        (group(3, HALF, DONE, QUARTER), (HALF, QUARTER)),
        (group(1, QUARTER, HALF), (HALF,)),
        (group(2, NOTHING, DONE, QUARTER), (QUARTER,)),
        (group(2, QUARTER, NOTHING, HALF), (QUARTER, HALF)),
        (group(2, group(1, NOTHING, HALF), QUARTER), (HALF, QUARTER)),
        (group(1, DONE, met=False), (group(1, DONE, met=False),)),
    ],
)
def test_what_is_missing_is_the_shortest_way(node: Node, expected: tuple[Node, ...]) -> None:
    assert missing(node) == expected


leaf = st.builds(topics, st.integers(0, 5), st.integers(1, 5))


def groups(parts: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.lists(parts, min_size=1, max_size=4).flatmap(
        lambda found: st.integers(1, len(found)).map(lambda need: group(need, *found))
    )


trees = st.recursive(leaf, groups, max_leaves=12)


@given(trees)
def test_everything_is_there_exactly_when_it_is_met_and_nothing_is_missing(tree: Node) -> None:
    assert 0 <= closeness(tree) <= WHOLE
    assert (closeness(tree) == WHOLE) == tree.met == (missing(tree) == ())


def done(tree: Node, wanted: tuple[Node, ...]) -> Node:
    """The tree with what is missing done."""
    if not tree.parts:
        return topics(tree.need, tree.need) if any(tree is one for one in wanted) else tree
    return group(tree.need, *(done(part, wanted) for part in tree.parts))


@given(trees)
def test_who_does_what_is_missing_is_there(tree: Node) -> None:
    assert done(tree, missing(tree)).met


def of(credential: str, progress: Node, status: Status | None = None) -> Standing:
    return replace(standing(), credential=CredentialId(credential), progress=progress, status=status)


def test_the_closest_comes_first_and_what_is_held_or_not_begun_is_left_out() -> None:
    found = nearest_first(
        [
            of("far", QUARTER),
            of("held", DONE, Status.AWARDED),
            of("b", HALF),
            of("a", HALF),
            of("longer", group(2, HALF, topics(1, 2))),
            of("not begun", NOTHING),
            of("taken back by hand", DONE, Status.REVOKED),
            of("lost", topics(3, 4), Status.REVOKED),
        ]
    )

    assert [near.standing.credential for near in found] == ["lost", "a", "b", "longer", "far"]


def test_a_milestone_is_shown_where_it_is_counted_and_not_by_itself() -> None:
    milestone = CredentialId("diploma~1234")
    counted = Badges(at_least=1, of=(milestone,))
    lifted = replace(of(milestone, HALF), kind=CredentialKind.MILESTONE)
    badge = Node("badges 1 of sql", True, 1, 1, "badges")
    diploma = of("diploma", group(2, badge, Node(counted.text, False, 0, 1, "badges")))

    assert with_milestones([lifted, diploma]) == [of("diploma", group(2, badge, HALF))]
    [near] = nearest_first([lifted, diploma])
    assert (near.closeness, near.missing) == (7_500, (HALF,))
