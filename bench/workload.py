"""The backlog that everybody reads: what learners did, as `streams.wire` writes it, and what it should earn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from rules.facts import Fact, Kind, Register
from rules.histories import Statement
from rules.keys import CourseId, Instant, LearnerId, TenantId
from streams import topics, wire
from streams.dialects import laurel_events

TENANT = TenantId("bench")
SOURCE = "https://lms.example.edu/gradebook"
COURSES = 5
PARTITIONS = 4

# One learner in one course: so many topics completed and grades given, in any order.
TOPICS = 16
GRADES = 4
EVENTS_PER_STATE = TOPICS + GRADES

# The condition of the award: the last grade at or above the bar, and so many topics completed.
BAR = 7_000
TOPICS_NEEDED = 10

# 2024-09-02T08:00:00Z, and a millisecond from one event to the next.
BEGAN_AT = 1_725_264_000_000_000
STEP = 1_000


class Event(NamedTuple):
    """One event, by numbers: `topic` is none for a grade, whose `grade` is in hundredths of a percent."""

    number: int
    learner: int
    course: int
    topic: int | None
    grade: int


class Record(NamedTuple):
    """An event as it is written."""

    partition: int
    key: bytes
    value: bytes


def lives(learners: int, seed: int, cohort: int) -> Iterator[Event]:
    """
    What happens to so many learners in every course, mixed: each state is touched 20 times, far apart.

    Learners come in cohorts of so many, one after the other; within a cohort any event may follow any other.
    """
    random = Random(seed)  # noqa: S311  # seeded on purpose: every run has the same backlog
    number = 0
    for first in range(0, learners, cohort):
        group = range(first, min(first + cohort, learners))
        slots = [(learner, course) for learner in group for course in range(COURSES)] * EVENTS_PER_STATE
        random.shuffle(slots)
        steps = {state: _steps(random) for state in dict.fromkeys(slots)}
        for learner, course in slots:
            topic = steps[learner, course].pop()
            yield Event(number, learner, course, topic, 0 if topic is not None else 100 * random.randrange(40, 101))
            number += 1


def firsts(learners: int, courses: int, start: int = 0) -> Iterator[Event]:
    """One grade of every learner in the first so many of their courses: it makes a state for each, and no award."""
    number = start
    for learner in range(learners):
        for course in range(courses):
            yield Event(number, learner, (learner + course) % COURSES, None, BAR)
            number += 1


def strays(learners: int, events: int, seed: int, start: int) -> Iterator[Event]:
    """Events of learners taken by chance out of all, in any course."""
    random = Random(seed)  # noqa: S311  # as above
    for number in range(start, start + events):
        at = random.randrange(EVENTS_PER_STATE)
        topic = at if at < TOPICS else None
        grade = 0 if topic is not None else 100 * random.randrange(40, 101)
        yield Event(number, random.randrange(learners), random.randrange(COURSES), topic, grade)


def _steps(random: Random) -> list[int | None]:
    steps: list[int | None] = [*range(TOPICS), *[None] * GRADES]
    random.shuffle(steps)
    return steps


def learner_of(event: Event) -> str:
    return f"u-{event.learner:07}"


def course_of(event: Event) -> str:
    return f"COURSE{event.course}"


def fact(event: Event) -> Fact:
    """The fact that intake makes of the event."""
    at = BEGAN_AT + event.number * STEP
    is_grade = event.topic is None
    return Fact(
        register=Register(
            tenant=TENANT,
            learner=LearnerId(learner_of(event)),
            course=CourseId(course_of(event)),
            kind=Kind.CALCULATED_GRADE if is_grade else Kind.TOPIC,
            object="" if is_grade else f"topic-{event.topic:02}",
        ),
        statement=Statement(at, 0, f"5d0b1c1e-9a53-4c8e-8f0e-{event.number:012x}", event.grade if is_grade else 1),
        received_at=Instant(at),
        source="lms.laurel",
    )


def facts_record(event: Event) -> Record:
    """The event as a record of `laurel.facts`."""
    said = fact(event)
    place, partition = topics.place_of(said.register.tenant, said.register.learner, PARTITIONS)
    return Record(partition, place, wire.dump(wire.FactsRecord(fact=said)))


def lms_record(event: Event) -> Record:
    """The event as a learning platform sends it in our native format, keyed by its learner."""
    said = fact(event)
    _, partition = topics.place_of(said.register.tenant, said.register.learner, PARTITIONS)
    return Record(partition, said.register.learner.encode(), laurel_events.dump(said, SOURCE))


class Due(NamedTuple):
    """One award that is due, and the event that earns it."""

    learner: str
    course: str
    number: int


@dataclass(slots=True)
class Oracle:
    """The equal work in its plainest form: what each event earns, by which all others are checked."""

    _grades: dict[tuple[int, int], int] = field(default_factory=dict)
    _topics: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    _awarded: set[tuple[int, int]] = field(default_factory=set)

    def take(self, event: Event) -> Due | None:
        """Take in one event; gives the award that it earns, if it does."""
        state = event.learner, event.course
        done = self._topics.setdefault(state, set())
        if event.topic is None:
            self._grades[state] = event.grade
        else:
            done.add(event.topic)
        if state in self._awarded or self._grades.get(state, -1) < BAR or len(done) < TOPICS_NEEDED:
            return None
        self._awarded.add(state)
        return Due(learner_of(event), course_of(event), event.number)


def due(events: Iterable[Event]) -> list[Due]:
    """All awards that these events earn."""
    oracle = Oracle()
    return [one for one in map(oracle.take, events) if one is not None]


def catalogue(credentials: int) -> str:
    """A catalogue of so many badges, each by the condition above in a course of its own; learners are in the first."""
    courses = "".join(f"  COURSE{at}: {{name: Course {at}}}\n" for at in range(credentials))
    badges = "".join(
        f"  - id: badge-{at}\n    kind: badge\n    name: Badge {at}\n    criteria:\n      all:\n"
        f"        - final_grade: {{course: COURSE{at}, at_least: {BAR // 100}}}\n"
        f"        - topics_completed: {{course: COURSE{at}, topics: {TOPICS_NEEDED}}}\n"
        f"    when_no_longer_met: keep\n"
        for at in range(credentials)
    )
    issuer = "issuer: {id: https://example.edu/issuer, name: Example University}"
    return f"version: 1\n{issuer}\ncourses:\n{courses}credentials:\n{badges}"
