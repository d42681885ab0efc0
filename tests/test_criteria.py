"""What a course decides, in examples that a teacher would recognise."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from rules.course import CourseRecord, CourseView, Met, how_far, judged
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    CourseCompleted,
    Criterion,
    Evidence,
    FinalGrade,
    ItemGrade,
    Node,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
    describe,
    percent,
)
from rules.facts import Kind
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId
from rules.nesting import evidence
from rules.spans import FOREVER, NEVER

COURSE = CourseId("DATA101")
PASS = 7_000
final_grade = FinalGrade(course=COURSE, at_least=PASS)
calculated_grade = CalculatedGrade(course=COURSE, at_least=PASS)
essay_grade = ItemGrade(course=COURSE, item="essay", at_least=PASS)
all_topics = TopicsCompleted(course=COURSE, topics="all")
Said = Sequence[Statement]


def at(time: int, value: int | None, *, event: str = "", released: bool | None = None) -> Statement:
    return Statement(time, 0, event or f"e{time}", value, released)


def released(time: int, now: bool) -> CourseStatement:
    return CourseStatement(time, 0, f"r{time}", released=now)


def outline(time: int, *topics: str) -> CourseStatement:
    return CourseStatement(time, 0, f"o{time}", topics=topics)


def course(
    *,
    calculated: Said = (),
    adjusted: Said = (),
    essay: Said = (),
    done: Mapping[str, Said] | None = None,
    exempted: Mapping[str, Said] | None = None,
    outlines: Sequence[CourseStatement] = (),
    releases: Sequence[CourseStatement] = (),
    completed: Said = (),
    took_part: Mapping[str, Said] | None = None,
    prior: Mapping[str, Said] | None = None,
    period: str = "",
) -> CourseView:
    """A learner in one course and one period. What nothing was said of is left out, as in the tables."""
    by_kind: dict[str, dict[str, Said]] = {
        Kind.CALCULATED_GRADE: {"": calculated},
        Kind.ADJUSTED_GRADE: {"": adjusted},
        Kind.ITEM_GRADE: {"essay": essay},
        Kind.TOPIC: dict(done or {}),
        Kind.EXEMPTION: dict(exempted or {}),
        Kind.COURSE_COMPLETED: {"": completed},
        Kind.PARTICIPATED: dict(took_part or {}),
        Kind.PRIOR_LEARNING: dict(prior or {}),
    }
    histories = {
        kind: {thing: {period: tuple(said)} for thing, said in by_object.items() if said}
        for kind, by_object in by_kind.items()
        if any(by_object.values())
    }
    record = CourseRecord(
        outline={"": tuple(outlines)} if outlines else {}, release={"": tuple(releases)} if releases else {}
    )
    return CourseView(histories=histories, record=record)


def met(criterion: Criterion, view: CourseView) -> list[tuple[int, int]]:
    return [(span.since, span.until) for span in judged(criterion, view)]


def events(criterion: Criterion, view: CourseView) -> list[tuple[str, ...]]:
    """The events behind each span, those of all conditions after each other."""
    return [tuple(event for one in span.evidence for event in one.events) for span in judged(criterion, view)]


def test_a_grade_that_goes_up_and_down_is_met_while_it_stands_at_the_bar_or_above() -> None:
    view = course(calculated=[at(1, 5_000), at(2, 7_000), at(4, 9_000), at(6, 6_999), at(8, 7_000)])

    assert met(final_grade, view) == [(2, 6), (8, FOREVER)]
    assert events(final_grade, view) == [("e2",), ("e8",)]


def test_an_adjusted_grade_goes_before_the_calculated_one() -> None:
    lifted = course(calculated=[at(1, 5_000)], adjusted=[at(3, 7_500)])
    lowered = course(calculated=[at(1, 9_000)], adjusted=[at(3, 6_000)])

    assert met(final_grade, lifted) == [(3, FOREVER)]
    assert met(final_grade, lowered) == [(1, 3)]
    assert met(calculated_grade, lifted) == []
    assert met(calculated_grade, lowered) == [(1, FOREVER)]


def test_a_cleared_adjusted_grade_gives_the_word_back_to_the_calculated_one() -> None:
    view = course(calculated=[at(1, 8_000)], adjusted=[at(3, 6_000), at(5, None)])

    assert met(final_grade, view) == [(1, 3), (5, FOREVER)]
    assert events(final_grade, view) == [("e1",), ("e1",)]


def test_a_grade_that_was_cleared_is_no_grade_even_for_a_bar_of_nothing() -> None:
    anything = FinalGrade(course=COURSE, at_least=0)

    assert met(anything, course(calculated=[at(1, 0), at(4, None)])) == [(1, 4)]
    assert met(anything, course()) == []


def test_bonus_points_above_full_marks_count() -> None:
    more_than_full = FinalGrade(course=COURSE, at_least=10_000)

    assert met(more_than_full, course(calculated=[at(1, 9_999), at(2, 10_500)])) == [(2, FOREVER)]


def test_a_grade_counts_once_its_own_event_says_that_it_is_released() -> None:
    view = course(calculated=[at(1, 8_000, released=False), at(4, 8_000, released=True), at(6, 8_000, released=False)])

    assert met(final_grade, view) == [(4, 6)]


@pytest.mark.parametrize("criterion", [final_grade, calculated_grade])
def test_a_grade_that_says_nothing_of_its_release_counts_once_the_course_releases_it(criterion: Criterion) -> None:
    graded = at(3, 8_000)

    assert met(criterion, course(calculated=[graded], releases=[released(5, True)])) == [(5, FOREVER)]
    assert met(criterion, course(calculated=[graded], releases=[released(1, True)])) == [(3, FOREVER)]
    assert met(criterion, course(calculated=[graded], releases=[released(1, True), released(6, False)])) == [(3, 6)]
    assert met(criterion, course(calculated=[graded], releases=[released(1, False)])) == []


def test_where_nobody_ever_speaks_of_release_a_grade_counts_at_once() -> None:
    assert met(final_grade, course(calculated=[at(3, 8_000)])) == [(3, FOREVER)]


def test_what_a_grade_says_of_its_own_release_goes_before_what_the_course_says() -> None:
    shown = course(calculated=[at(3, 8_000, released=True)], releases=[released(1, False)])
    hidden = course(calculated=[at(3, 8_000, released=False)], releases=[released(1, True)])

    assert met(final_grade, shown) == [(3, FOREVER)]
    assert met(final_grade, hidden) == []


def test_an_adjusted_grade_that_is_not_released_hides_the_calculated_one() -> None:
    view = course(calculated=[at(1, 8_000)], adjusted=[at(3, 9_000, released=False), at(5, 9_000, released=True)])

    assert met(final_grade, view) == [(1, 3), (5, FOREVER)]


def test_the_grade_of_an_item_does_not_wait_for_the_release_of_final_grades() -> None:
    view = course(essay=[at(3, 8_000)], releases=[released(1, False)])

    assert met(essay_grade, view) == [(3, FOREVER)]
    assert met(essay_grade, course(essay=[at(3, 8_000, released=False)])) == []


def test_where_grades_count_released_or_not_nothing_of_their_release_matters() -> None:
    hidden = course(calculated=[at(3, 8_000, released=False)], releases=[released(1, False)])

    assert met(replace(final_grade, unreleased_too=True), hidden) == [(3, FOREVER)]
    assert met(replace(calculated_grade, unreleased_too=True), hidden) == [(3, FOREVER)]
    assert events(replace(final_grade, unreleased_too=True), hidden) == [("e3",)]
    assert met(replace(essay_grade, unreleased_too=True), course(essay=[at(3, 8_000, released=False)])) == [
        (3, FOREVER)
    ]
    assert met(final_grade, hidden) == []


MEAN = WeightedGrade(course=COURSE, items=(("essay", 1), ("exam", 2)), at_least=PASS)


def graded(*, essay: Said = (), exam: Said = ()) -> CourseView:
    view = course(essay=essay)
    if exam:
        view.histories.setdefault(Kind.ITEM_GRADE, {})["exam"] = {"": tuple(exam)}
    return view


def test_a_weighted_mean_counts_once_every_item_has_a_grade() -> None:
    assert met(MEAN, graded(essay=[at(2, 10_000)])) == []
    assert met(MEAN, graded(essay=[at(2, 10_000)], exam=[at(5, 5_500)])) == [(5, FOREVER)]
    assert events(MEAN, graded(essay=[at(2, 10_000)], exam=[at(5, 5_500)])) == [("e2", "e5")]
    assert met(MEAN, graded(essay=[at(2, 10_000), at(7, None)], exam=[at(5, 5_500)])) == [(5, 7)]
    assert met(MEAN, graded(essay=[at(2, 10_000)], exam=[at(5, 5_500, released=False)])) == []
    hidden = graded(essay=[at(2, 10_000)], exam=[at(5, 5_500, released=False)])
    assert met(replace(MEAN, unreleased_too=True), hidden) == [(5, FOREVER)]


def test_a_weighted_mean_is_exact() -> None:
    # Twice 7,000 and 6,999 is a third of a hundredth below the bar, and 7,001 above it again.
    assert met(MEAN, graded(essay=[at(2, 6_999)], exam=[at(5, 7_000)])) == []
    assert met(MEAN, graded(essay=[at(2, 7_002)], exam=[at(5, 6_999)])) == [(5, FOREVER)]
    node = how_far(MEAN, graded(essay=[at(2, 6_999)], exam=[at(5, 7_000)]), 6)
    assert (node.have, node.need, node.unit, node.events) == (6_999, 7_000, "percent", ("e2", "e5"))
    assert node.clause == "weighted_grade DATA101 (essay 0.01, exam 0.02) ≥ 70"


def test_a_weighted_mean_is_of_one_period() -> None:
    view = graded(essay=[at(2, 10_000)], exam=[at(5, 0)])
    view.histories[Kind.ITEM_GRADE]["exam"]["autumn"] = (at(6, 10_000),)
    assert met(MEAN, view) == []

    view.histories[Kind.ITEM_GRADE]["essay"]["autumn"] = (at(8, 9_000),)
    assert met(MEAN, view) == [(8, FOREVER)]
    assert events(MEAN, view) == [("e8", "e6")]


def test_the_release_of_one_period_does_not_release_another() -> None:
    view = course(calculated=[at(3, 8_000)], period="autumn")
    view.record.release = {"spring": (released(1, True),)}
    assert met(final_grade, view) == [(3, FOREVER)]

    view.record.release["autumn"] = (released(5, True),)
    assert met(final_grade, view) == [(5, FOREVER)]

    view.record.release[""] = (released(7, False),)
    assert met(final_grade, view) == [(5, 7)]


def test_over_several_periods_a_grade_is_met_while_it_is_in_any_of_them() -> None:
    view = course(calculated=[at(1, 8_000), at(3, 5_000)], period="autumn")
    view.histories[Kind.CALCULATED_GRADE][""]["spring"] = (at(2, 9_000), at(7, 0))

    assert met(final_grade, view) == [(1, 7)]
    assert events(final_grade, view) == [("e1",)]


def test_evidence_leaves_out_the_period_in_which_the_grade_was_too_low() -> None:
    view = course(calculated=[at(3, 8_000)], period="autumn")
    view.histories[Kind.CALCULATED_GRADE][""]["spring"] = (at(1, 6_000),)

    assert events(final_grade, view) == [("e3",)]
    assert how_far(final_grade, view, 2).events == ("e1",)


def test_an_adjusted_grade_of_one_period_says_nothing_of_another() -> None:
    view = course(calculated=[at(1, 8_000)], period="autumn")
    view.histories[Kind.ADJUSTED_GRADE] = {"": {"spring": (at(2, 1_000),)}}

    assert met(final_grade, view) == [(1, FOREVER)]


def test_all_topics_are_complete_from_the_last_one_on_until_one_is_taken_back() -> None:
    done = {"intro": [at(2, 1)], "charts": [at(4, 1), at(9, 0)]}
    view = course(outlines=[outline(1, "intro", "charts")], done=done)

    assert met(all_topics, view) == [(4, 9)]
    assert events(all_topics, view) == [("o1", "e2", "e4")]


def test_an_exemption_stands_for_a_topic_until_it_is_taken_back() -> None:
    exempted = {"charts": [at(3, 1), at(8, 0)]}
    view = course(outlines=[outline(1, "intro", "charts")], done={"intro": [at(5, 1)]}, exempted=exempted)

    assert met(all_topics, view) == [(5, 8)]
    assert events(all_topics, view) == [("o1", "e5", "e3")]


@pytest.mark.parametrize("topics", ["all", ("intro", "charts"), 1])
def test_nobody_completes_a_course_by_exemption_alone(topics: str) -> None:
    criterion = TopicsCompleted(course=COURSE, topics=topics)  # type: ignore[arg-type]  # each of them is one of three
    exempted = {"intro": [at(2, 1)], "charts": [at(3, 1)]}
    elsewhere = {"from another course": [at(2, 1)]} if topics == "all" else {}
    view = course(outlines=[outline(1, "intro", "charts")], exempted=exempted, done=elsewhere)

    assert met(criterion, view) == []


def test_an_outline_that_grows_asks_for_more_from_then_on_and_not_before() -> None:
    outlines = [outline(1, "intro"), outline(6, "intro", "charts")]

    assert met(all_topics, course(outlines=outlines, done={"intro": [at(3, 1)]})) == [(3, 6)]
    assert met(all_topics, course(outlines=outlines, done={"intro": [at(7, 1)]})) == []
    both = course(outlines=outlines, done={"intro": [at(3, 1)], "charts": [at(9, 1)]})
    assert met(all_topics, both) == [(3, 6), (9, FOREVER)]
    assert events(all_topics, both) == [("o1", "e3"), ("o6", "e3", "e9")]


def test_an_outline_that_grows_by_what_was_done_already_interrupts_nothing() -> None:
    view = course(
        outlines=[outline(1, "intro"), outline(6, "intro", "charts")],
        done={"intro": [at(3, 1)], "charts": [at(4, 1)]},
    )

    assert met(all_topics, view) == [(3, FOREVER)]


def test_an_outline_that_shrinks_is_complete_without_what_it_lost() -> None:
    outlines = [outline(1, "intro", "charts"), outline(6, "intro")]

    assert met(all_topics, course(outlines=outlines, done={"intro": [at(3, 1)]})) == [(6, FOREVER)]


@pytest.mark.parametrize("outlines", [[], [outline(1)], [outline(1), outline(4)]])
def test_an_empty_outline_earns_nobody_anything(outlines: list[CourseStatement]) -> None:
    view = course(outlines=outlines, done={"intro": [at(2, 1)]}, exempted={"charts": [at(2, 1)]})

    assert met(all_topics, view) == []


def test_an_outline_that_was_corrected_in_the_same_moment_never_counted() -> None:
    outlines = [outline(1, "intro"), CourseStatement(1, 1, "o", topics=("intro", "charts"))]

    assert met(all_topics, course(outlines=outlines, done={"intro": [at(2, 1)]})) == []


def test_listed_topics_do_not_look_at_the_outline() -> None:
    listed = TopicsCompleted(course=COURSE, topics=("intro", "charts"))
    done = {"intro": [at(2, 1)], "charts": [at(4, 1)], "maps": [at(1, 1)]}

    assert met(listed, course(outlines=[outline(1, "maps")], done=done)) == [(4, FOREVER)]
    assert events(listed, course(done=done)) == [("e2", "e4")]


def test_any_two_topics_are_complete_while_two_are() -> None:
    any_two = TopicsCompleted(course=COURSE, topics=2)
    done = {"intro": [at(2, 1)], "charts": [at(4, 1), at(6, 0)], "maps": [at(8, 1)]}

    assert met(any_two, course(done=done)) == [(4, 6), (8, FOREVER)]
    assert events(any_two, course(done=done)) == [("e4", "e2"), ("e2", "e8")]


def test_a_topic_done_in_several_periods_counts_once() -> None:
    view = course(done={"intro": [at(2, 1), at(4, 0)]}, period="autumn")
    view.histories[Kind.TOPIC]["intro"]["spring"] = (at(3, 1),)

    assert met(TopicsCompleted(course=COURSE, topics=1), view) == [(2, FOREVER)]
    assert met(TopicsCompleted(course=COURSE, topics=2), view) == []


def test_a_course_is_completed_while_the_platform_says_so() -> None:
    criterion = CourseCompleted(course=COURSE)

    assert met(criterion, course()) == []
    assert met(criterion, course(completed=[at(3, 1)])) == [(3, FOREVER)]
    assert met(criterion, course(completed=[at(3, 1), at(5, 0), at(8, 1)])) == [(3, 5), (8, FOREVER)]
    assert events(criterion, course(completed=[at(3, 1), at(4, 1)], period="autumn")) == [("e3",)]
    assert how_far(criterion, course(), 1) == Node("course_completed DATA101", False, 0, 1, "courses")


def test_prior_learning_counts_from_its_recognition_on_and_only_what_was_recognised() -> None:
    view = course(prior={"work": [at(3, 1), at(9, 0)]})

    assert met(PriorLearning(achievement="work"), view) == [(3, 9)]
    assert events(PriorLearning(achievement="work"), view) == [("e3",)]
    assert met(PriorLearning(achievement="abroad"), view) == []
    node = how_far(PriorLearning(achievement="abroad"), view, 4)
    assert node == Node("prior_learning abroad", False, 0, 1, "achievements")


ATTENDED_TWICE = Participated(course=COURSE, kind="attended", times=2)
TWICE = Participated(course=COURSE, kind="", times=2)


def test_so_many_participations_hold_from_the_last_of_them_on() -> None:
    view = course(took_part={"attended": [at(2, 1), at(5, 1), at(6, 1)], "posted": [at(3, 1)]})

    assert met(ATTENDED_TWICE, view) == [(5, FOREVER)]
    assert events(ATTENDED_TWICE, view) == [("e2", "e5")]
    assert met(replace(ATTENDED_TWICE, times=4), view) == []
    node = how_far(replace(ATTENDED_TWICE, times=4), view, 5)
    assert (node.have, node.need, node.unit, node.events) == (2, 4, "participations", ("e2", "e5"))


def test_participations_of_any_kind_are_counted_together() -> None:
    view = course(took_part={"attended": [at(2, 1)], "posted": [at(3, 1)], "": [at(1, 1)]})

    assert met(TWICE, view) == [(2, FOREVER)]
    assert events(TWICE, view) == [("e1", "e2")]


def test_participations_of_several_periods_are_counted_together_and_one_that_is_sent_twice_once() -> None:
    view = course(took_part={"attended": [at(2, 1)]}, period="autumn")
    view.histories[Kind.PARTICIPATED]["attended"]["spring"] = (at(2, 1),)
    assert met(ATTENDED_TWICE, view) == []

    view.histories[Kind.PARTICIPATED]["attended"]["spring"] = (at(2, 1), at(4, 1))
    assert met(ATTENDED_TWICE, view) == [(4, FOREVER)]


def test_two_participations_at_one_time_are_two_and_one_that_was_none_does_not_count() -> None:
    both = course(took_part={"attended": [at(2, 1, event="a"), at(2, 1, event="b")]})
    none = course(took_part={"attended": [at(2, 1, event="a"), at(2, 0, event="b"), at(4, 1)]})

    assert met(ATTENDED_TWICE, both) == [(2, FOREVER)]
    assert met(ATTENDED_TWICE, none) == [(4, FOREVER)]


def test_groups_are_met_when_all_any_or_enough_of_their_parts_are() -> None:
    view = course(calculated=[at(2, 8_000), at(9, 0)], essay=[at(4, 8_000)], done={"intro": [at(6, 1)]})
    parts = (final_grade, essay_grade, TopicsCompleted(course=COURSE, topics=("intro",)))

    assert met(AllOf(parts=parts), view) == [(6, 9)]
    assert met(AnyOf(parts=parts), view) == [(2, FOREVER)]
    assert met(AtLeastOf(count=2, parts=parts), view) == [(4, FOREVER)]


def test_what_must_not_be_so_is_met_while_it_is_not() -> None:
    view = course(calculated=[at(2, 8_000), at(9, 0)], essay=[at(4, 8_000), at(6, 5_000)])
    passed_without_essay = AllOf(parts=(final_grade, Not(of=essay_grade)))

    assert met(passed_without_essay, view) == [(2, 4), (6, 9)]
    assert met(Not(of=Not(of=final_grade)), view) == [(2, 9)]
    assert judged(passed_without_essay, view)[1].evidence == (
        Evidence("final_grade DATA101 ≥ 70", ("e2",)),
        Evidence("not item_grade DATA101 essay ≥ 70", ("e6",)),
    )


def test_what_was_met_before_its_time_stays_met_and_what_was_not_never_is() -> None:
    view = course(calculated=[at(2, 8_000), at(5, 0), at(9, 9_000)])

    assert met(Before(time=3, of=final_grade), view) == [(2, FOREVER)]
    assert met(Before(time=2, of=final_grade), view) == []
    assert met(final_grade, view) == [(2, 5), (9, FOREVER)]
    assert events(Before(time=3, of=AnyOf(parts=(essay_grade, final_grade))), view) == [("e2",)]


def test_evidence_of_what_was_met_in_time_is_of_the_first_moment() -> None:
    view = course(calculated=[at(2, 8_000), at(5, 0)], essay=[at(7, 8_000)])

    assert judged(AllOf(parts=(Before(time=3, of=final_grade), essay_grade)), view) == (
        Met(
            7,
            FOREVER,
            (Evidence("final_grade DATA101 ≥ 70", ("e2",)), Evidence("item_grade DATA101 essay ≥ 70", ("e7",))),
        ),
    )
    node = how_far(Before(time=3, of=final_grade), view, 6)
    assert (node.clause, node.met) == ("before 1970-01-01T00:00:00.000003Z final_grade DATA101 ≥ 70", True)
    assert not node.parts[0].met


def test_behind_what_was_never_met_in_time_there_is_nothing() -> None:
    assert evidence(Before(time=3, of=final_grade), 5, lambda _: NEVER, lambda _leaf, _time: ()) == ()


def test_behind_what_must_not_be_so_there_may_be_nothing() -> None:
    view = course(calculated=[at(2, 8_000)])

    assert judged(AllOf(parts=(final_grade, Not(of=essay_grade))), view) == (
        Met(
            2,
            FOREVER,
            (Evidence("final_grade DATA101 ≥ 70", ("e2",)), Evidence("not item_grade DATA101 essay ≥ 70")),
        ),
    )


def test_why_a_group_does_not_hold_is_said_by_the_parts_that_do_not() -> None:
    view = course(calculated=[at(2, 8_000)], essay=[at(1, 9_000)])
    neither = Not(of=AnyOf(parts=(Not(of=final_grade), Not(of=essay_grade))))

    assert met(neither, view) == [(2, FOREVER)]
    assert events(neither, view) == [("e2", "e1")]


def test_how_far_one_is_with_what_must_not_be_so_shows_what_is_there() -> None:
    view = course(essay=[at(4, 8_000), at(6, 5_000)])
    refused, allowed = how_far(Not(of=essay_grade), view, 5), how_far(Not(of=essay_grade), view, 7)

    assert (refused.met, refused.have, refused.need) == (False, 0, 1)
    assert refused.parts == (Node("item_grade DATA101 essay ≥ 70", True, 8_000, 7_000, "percent", ("e4",)),)
    assert (allowed.met, allowed.have, allowed.parts[0].have) == (True, 1, 5_000)


def test_evidence_names_only_the_conditions_that_held_and_each_with_its_own_events() -> None:
    view = course(calculated=[at(2, 8_000), at(9, 0)], essay=[at(4, 8_000)], done={"intro": [at(6, 0)]})
    parts = (final_grade, essay_grade, TopicsCompleted(course=COURSE, topics=("intro",)))

    assert judged(AtLeastOf(count=2, parts=parts), view) == (
        Met(
            4,
            9,
            (Evidence("final_grade DATA101 ≥ 70", ("e2",)), Evidence("item_grade DATA101 essay ≥ 70", ("e4",))),
        ),
    )


def test_evidence_of_a_grade_names_the_course_event_that_released_it_where_one_did() -> None:
    shown = at(3, 8_000, released=True)

    assert events(final_grade, course(calculated=[at(3, 8_000)], releases=[released(5, True)])) == [("e3", "r5")]
    assert events(final_grade, course(calculated=[shown], releases=[released(2, True)])) == [("e3",)]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0, Node("final_grade DATA101 ≥ 70", False, 0, 7_000, "percent")),
        (1, Node("final_grade DATA101 ≥ 70", False, 5_000, 7_000, "percent", ("e1",))),
        (2, Node("final_grade DATA101 ≥ 70", True, 10_500, 7_000, "percent", ("e2",))),
        (3, Node("final_grade DATA101 ≥ 70", False, 6_650, 7_000, "percent", ("e3",))),
        (4, Node("final_grade DATA101 ≥ 70", False, 0, 7_000, "percent")),
    ],
)
def test_how_far_a_grade_is_is_the_score_that_counts_then(time: int, expected: Node) -> None:
    view = course(calculated=[at(1, 5_000), at(2, 10_500), at(3, 6_650), at(4, None)])

    assert how_far(final_grade, view, time) == expected


def test_how_far_a_grade_is_does_not_betray_what_is_not_released() -> None:
    hidden = course(calculated=[at(1, 9_000)], releases=[released(5, True)])

    text = "final_grade DATA101 ≥ 70"

    assert how_far(final_grade, hidden, 4) == Node(text, False, 0, 7_000, "percent")
    assert how_far(final_grade, hidden, 5) == Node(text, True, 9_000, 7_000, "percent", ("e1", "r5"))


@pytest.mark.parametrize(
    ("topics", "time", "is_met", "have", "need"),
    [
        ("all", 0, False, 0, 0),
        ("all", 1, False, 0, 2),
        ("all", 3, False, 1, 2),
        ("all", 5, True, 2, 2),
        ("all", 9, False, 2, 3),
        (("intro", "maps"), 5, False, 1, 2),
        (1, 2, True, 1, 1),
        (3, 8, False, 2, 3),
        (1, 8, True, 1, 1),
    ],
)
def test_how_far_topics_are_is_how_many_of_the_wanted_ones_are_done(
    topics: str, time: int, is_met: bool, have: int, need: int
) -> None:
    criterion = TopicsCompleted(course=COURSE, topics=topics)  # type: ignore[arg-type]  # each of them is one of three
    view = course(
        outlines=[outline(1, "intro", "charts"), outline(9, "intro", "charts", "maps")],
        done={"intro": [at(2, 1)], "sketches": [at(7, 1)]},
        exempted={"charts": [at(5, 1)]},
    )
    node = how_far(criterion, view, time)

    assert (node.met, node.have, node.need, node.unit) == (is_met, have, need, "topics")


@pytest.mark.parametrize(
    ("group", "is_met", "have", "need"),
    [
        (AllOf(parts=(final_grade, essay_grade)), False, 1, 2),
        (AnyOf(parts=(final_grade, final_grade)), True, 1, 1),
        (AtLeastOf(count=2, parts=(final_grade, essay_grade, final_grade)), True, 2, 2),
        (AtLeastOf(count=2, parts=(final_grade, essay_grade, essay_grade)), False, 1, 2),
    ],
)
def test_how_far_a_group_is_is_how_many_of_its_parts_are_met(
    group: AllOf | AnyOf | AtLeastOf, is_met: bool, have: int, need: int
) -> None:
    view = course(calculated=[at(1, 8_000)])
    node = how_far(group, view, 1)

    assert (node.met, node.have, node.need, node.unit) == (is_met, have, need, "conditions")
    assert node.parts == tuple(how_far(part, view, 1) for part in group.parts)


@pytest.mark.parametrize(
    ("hundredths", "text"),
    [(0, "0"), (5, "0.05"), (50, "0.5"), (6_650, "66.5"), (6_655, "66.55"), (7_000, "70"), (10_000, "100")],
)
def test_a_bar_is_written_as_people_do(hundredths: int, text: str) -> None:
    assert percent(hundredths) == text
    assert describe(FinalGrade(course=COURSE, at_least=hundredths)) == f"final_grade DATA101 ≥ {text}"


def test_no_course_decides_whether_badges_are_held() -> None:
    badges = Badges(at_least=1, of=(CredentialId("one"),))

    with pytest.raises(TypeError, match="no course decides badges 1 of one"):
        judged(badges, course())
    with pytest.raises(TypeError, match="no course decides badges 1 of one"):
        how_far(badges, course(), 1)
