"""Law 5 in instructions: one event costs no more with a longer history beyond its limit, or a larger catalogue."""

import sys
from collections.abc import Callable, Iterator
from itertools import count, islice
from types import FrameType
from typing import Any

import pytest

from rules import decide
from rules.catalogue import Catalogue
from rules.criteria import AllOf, Badges, FinalGrade, ItemGrade, TopicsCompleted
from rules.facts import Fact, Kind
from rules.keys import CourseId, CredentialId
from rules.replay import Replay
from tests.stories import NOW, badge, catalogue_of, fact

pytestmark = pytest.mark.slow

A_COURSES = 6
TOPICS = 10
# Whole registers: each topic, and two grades, of each course.
REGISTERS = A_COURSES * (TOPICS + 2)


def course(number: int) -> CourseId:
    return CourseId(f"course-{number}")


def catalogue(credentials: int) -> Catalogue:
    """So many credentials, each in a course of its own but for the first ones, and one that builds on two of them."""
    parts = [
        AllOf(
            parts=(
                FinalGrade(course=course(number), at_least=7_000),
                ItemGrade(course=course(number), item="exam", at_least=5_000),
                TopicsCompleted(course=course(number), topics=TOPICS),
            )
        )
        for number in range(credentials)
    ]
    made = [badge(f"badge-{number}", part) for number, part in enumerate(parts)]
    built = badge("built", Badges(at_least=2, of=(CredentialId("badge-0"), CredentialId("badge-1"))))
    return catalogue_of(*made, built)


def events() -> Iterator[Fact]:
    """Events of one learner, for ever: each says something new of one of the registers, in turn."""
    for number in count():
        which, time = number % REGISTERS, number + 1
        about, thing = course(which % A_COURSES), which // A_COURSES
        if thing < TOPICS:
            yield fact(Kind.TOPIC, time, 1, course=about, thing=f"topic-{thing}")
        elif thing == TOPICS:
            yield fact(Kind.CALCULATED_GRADE, time, 4_000 + number % 6_000, course=about)
        else:
            yield fact(Kind.ITEM_GRADE, time, 4_000 + number % 6_000, course=about, thing="exam")


def instructions(do: Callable[[], object]) -> int:
    """How many instructions of Python are run: the same on every machine, at every time."""
    found = 0

    def tracer(frame: FrameType, event: str, _about: Any) -> Any:
        nonlocal found
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        found += event == "opcode"
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        do()
    finally:
        sys.settrace(before)
    return found


def cost_of_a_round(*, behind: int, credentials: int = 5) -> float:
    """Instructions an event, of one event about each register, for a learner with so many events behind them."""
    replay = Replay()
    replay.catalogue(catalogue(credentials), NOW)
    told = events()
    for one in islice(told, behind):
        decide.decide_fact(replay.known, one)
    replay.known.decisions.held.clear()
    more = list(islice(told, REGISTERS))

    def take() -> None:
        for one in more:
            decide.decide_fact(replay.known, one)

    return instructions(take) / len(more)


def test_an_event_costs_the_same_with_6_and_with_200_and_with_2000_credentials() -> None:
    few, more, many = (cost_of_a_round(behind=500, credentials=credentials) for credentials in (6, 200, 2_000))

    assert few == more == many


def test_an_event_costs_no_more_once_histories_are_at_their_limit_however_long_a_learner_studies() -> None:
    """Each register keeps 64 statements at most (decision 0003): these are full after some 4,600 events."""
    costs = {behind: cost_of_a_round(behind=behind) for behind in (10, 1_000, 10_000, 100_000)}

    assert costs[100_000] <= 1.02 * costs[10_000], costs
    assert costs[1_000] <= 2 * costs[10], costs
