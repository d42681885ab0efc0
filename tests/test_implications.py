"""Implications: what is said to hold together does, whatever the events; and nothing else is said."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    ParticipationKind,
    TopicsCompleted,
    WeightedGrade,
)
from rules.facts import CourseFact, Fact
from rules.implications import implies, normal
from rules.keys import CredentialId
from rules.lengths import Length
from rules.policies import Policy
from rules.replay import Replay
from rules.spans import Span, Spans, complement, intersection
from tests.stories import COURSES, LEARNERS, NOW, ONE, TENANT, TWO, badge, badges_of, catalogue_of, criteria, events
from tests.stories import leaf_criteria as leaves_of_courses

C, D = COURSES
THREE = CredentialId("three")
low, high = FinalGrade(course=C, at_least=6_000), FinalGrade(course=C, at_least=7_000)
elsewhere = FinalGrade(course=D, at_least=7_000)


def topics(which: str | tuple[str, ...] | int) -> TopicsCompleted:
    return TopicsCompleted(course=C, topics=which)  # type: ignore[arg-type]  # of text there is "all" alone


def badges_within(count: int, days: int) -> Badges:
    return replace(badges(count, "b", "a"), within=Length(days=days))


def weighed(bar: int, *weights: int) -> WeightedGrade:
    return WeightedGrade(course=C, items=tuple(zip(("i1", "i2"), weights, strict=True)), at_least=bar)


def took_part(times: int, kind: ParticipationKind = "") -> Participated:
    return Participated(course=C, kind=kind, times=times)


def badges(count: int, *of: str) -> Badges:
    return Badges(at_least=count, of=tuple(CredentialId(name) for name in of))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (high, low),
        (CalculatedGrade(course=C, at_least=2), CalculatedGrade(course=C, at_least=1)),
        (ItemGrade(course=C, item="i", at_least=2), ItemGrade(course=C, item="i", at_least=1)),
        (topics(3), topics(2)),
        (topics("all"), topics(1)),
        (topics(("a", "b")), topics(1)),
        (topics(("a", "b")), topics(("b", "a"))),
        (took_part(3), took_part(2)),
        (took_part(2, "attended"), took_part(2)),
        (badges(2, "a", "b"), badges(1, "a", "b")),
        (badges(2, "a", "b", "c"), badges(1, "a", "b")),
        (badges(1, "a"), badges(1, "a", "b")),
        (weighed(7_000, 1, 2), weighed(6_000, 1, 2)),
        (low, replace(low, unreleased_too=True)),
        (high, replace(low, unreleased_too=True)),
        (Not(of=low), Not(of=high)),
        (Before(time=5, of=high), Before(time=6, of=low)),
        (badges_within(2, 30), badges(2, "a", "b")),
        (badges_within(2, 30), badges_within(2, 30)),
        (badges(2, "a", "b"), badges_within(1, 30)),
        (AllOf(parts=(elsewhere, Not(of=low))), Not(of=high)),
        (AllOf(parts=(high, elsewhere)), low),
        (AnyOf(parts=(high, AllOf(parts=(low, elsewhere)))), low),
        (AtLeastOf(count=2, parts=(high, low, elsewhere)), low),
        (high, AnyOf(parts=(elsewhere, low))),
        (AllOf(parts=(high, elsewhere)), AtLeastOf(count=2, parts=(low, elsewhere, topics(9)))),
    ],
)
def test_what_follows_is_found(one: Criterion, other: Criterion) -> None:
    assert implies(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (low, high),
        (high, elsewhere),
        (high, CalculatedGrade(course=C, at_least=1)),
        (ItemGrade(course=C, item="i", at_least=2), ItemGrade(course=C, item="j", at_least=1)),
        (topics("all"), topics(2)),
        # Whoever completed "b" and was exempted from "a" has both, and not "a": exemptions alone are not enough.
        (topics(("a", "b")), topics(("a",))),
        (topics(1), topics(("a",))),
        (took_part(2), took_part(2, "attended")),
        (took_part(2, "attended"), took_part(2, "posted")),
        (took_part(1), CourseCompleted(course=C)),
        (badges(1, "a", "b"), badges(1, "a")),
        (badges(2, "a", "b", "c"), badges(2, "a", "b")),
        (weighed(7_000, 1, 2), weighed(6_000, 2, 1)),
        (replace(high, unreleased_too=True), low),
        (Not(of=high), Not(of=low)),
        (Before(time=6, of=high), Before(time=5, of=high)),
        (Before(time=5, of=high), high),
        (high, Before(time=5, of=high)),
        (badges(2, "a", "b"), badges_within(2, 30)),
        (badges_within(2, 30), badges_within(2, 31)),
        (high, Not(of=low)),
        (AnyOf(parts=(high, elsewhere)), low),
        (AtLeastOf(count=1, parts=(high, elsewhere)), low),
        (low, AllOf(parts=(low, elsewhere))),
    ],
)
def test_what_does_not_follow_is_not_said_to(one: Criterion, other: Criterion) -> None:
    assert not implies(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (AllOf(parts=(low, elsewhere)), AllOf(parts=(elsewhere, AllOf(parts=(low, low))))),
        (AtLeastOf(count=1, parts=(low, elsewhere)), AnyOf(parts=(elsewhere, low))),
        (AtLeastOf(count=2, parts=(low, elsewhere)), AllOf(parts=(elsewhere, low))),
        (badges(2, "a", "b"), AllOf(parts=(badges(1, "b"), badges(1, "a")))),
        (badges(2, "c", "b", "a"), badges(2, "a", "b", "c")),
        (topics(("a", "b")), topics(("b", "a"))),
        (AnyOf(parts=(low,)), low),
        (weighed(7_000, 40, 60), weighed(7_000, 2, 3)),
        (Not(of=Not(of=low)), low),
        (Before(time=5, of=Before(time=3, of=AllOf(parts=(low,)))), Before(time=3, of=low)),
        (badges_within(1, 30), badges(1, "a", "b")),
        (Not(of=AllOf(parts=(Not(of=low),))), low),
    ],
)
def test_what_differs_in_writing_alone_has_one_normal_form(one: Criterion, other: Criterion) -> None:
    assert normal(one) == normal(other)


def test_a_part_that_stands_twice_counts_twice_where_parts_are_counted() -> None:
    twice = AtLeastOf(count=2, parts=(low, low, elsewhere))

    assert normal(twice) != normal(AtLeastOf(count=2, parts=(low, elsewhere)))
    assert normal(AtLeastOf(count=2, parts=(low, low))) == low


conditions = criteria(st.one_of(leaves_of_courses, badges_of([ONE, TWO])))


def when_due(found: list[Criterion], said: list[Fact | CourseFact]) -> list[Spans]:
    """When badges of these criteria are due by these events, under revoke: the spans of the criteria themselves."""
    names = [CredentialId(f"c{at}") for at in range(len(found))]
    of_them = [badge(name, one, Policy.REVOKE) for name, one in zip(names, found, strict=True)]
    replay = Replay()
    replay.catalogue(catalogue_of(badge(ONE, high), badge(TWO, topics("all"), Policy.REVOKE), *of_them), NOW)
    replay.facts(said)
    due = {name: spans for (who, name), spans in replay.entitlements(TENANT).items() if who.learner == LEARNERS[0]}
    return [tuple(Span(one.since, one.until) for one in due.get(name, ())) for name in names]


@given(st.lists(conditions, min_size=2, max_size=5), events)
def test_whenever_one_holds_what_it_implies_does(found: list[Criterion], said: list[Fact | CourseFact]) -> None:
    due = when_due(found, said)

    for one, other in permutations(range(len(found)), 2):
        if implies(found[one], found[other]):
            assert intersection([due[one], complement(due[other])]) == ()


@given(conditions, events)
def test_a_normal_form_holds_when_what_it_was_made_of_does(found: Criterion, said: list[Fact | CourseFact]) -> None:
    as_written, as_normal = when_due([found, normal(found)], said)

    assert as_normal == as_written
    assert normal(normal(found)) == normal(found)
