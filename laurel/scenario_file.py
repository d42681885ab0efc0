"""The scenario file: what a learner does, in a short form, and what is expected to follow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from laurel.criterion_values import hundredths
from laurel.drawing import EPOCH
from laurel.faults import Fault, FileFaults, Steps, in_order, nearest, show
from laurel.located import Document, read_document
from laurel.shapes import Form, Id, Key, Name, named, one_of, read_form, refusal
from rules.awards import ByHand, CredentialKind
from rules.catalogue import Catalogue
from rules.criteria import OUTSIDE
from rules.facts import CourseFact, CourseKind, Fact, Kind, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId, Instant, LearnerId
from rules.ledger import Act, Status

SUFFIX: Final = ".scenarios.yaml"
LEARNER: Final = LearnerId("learner")
CLEARED: Final = "cleared"
NONE: Final = "none"
# Where an event says no time: a minute after the one before it, and the first on this day.
FIRST_AT: Final = Instant((datetime(2026, 1, 1, tzinfo=UTC) - EPOCH) // datetime.resolution)
STEP: Final = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one credential is expected to be; none: not awarded. `place` is where the file says so."""

    credential: CredentialId
    status: Status | None
    place: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """
    What is given, and what is expected of every credential that people see, and of milestones that are named.

    `as_of` is when; none: at the latest event.
    """

    name: str
    facts: tuple[Fact | CourseFact, ...]
    acts: tuple[ByHand, ...] = ()
    as_of: Instant | None = None
    expected: tuple[Expected, ...]


def _instant(value: object) -> int:
    cure = "Write a day, such as 2026-03-02, or a time with its zone, such as 2026-03-02T09:30:00Z."
    try:
        time_at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time_at = None
    if time_at is None or (time_at.tzinfo is None and len(str(value)) > len("2026-03-02")):
        raise refusal(f"is {named(value)}, and must be a day or a time.", cure)  # type: ignore[arg-type]  # plain
    since = (time_at.replace(tzinfo=time_at.tzinfo or UTC) - EPOCH) // datetime.resolution
    if since < 0:
        raise refusal(f"is {named(value)}, and times begin in 1970.", cure)  # type: ignore[arg-type]  # plain
    return since


def _score(value: object) -> int | None:
    return None if value == CLEARED else hundredths(value)


Score = Annotated[int | None, BeforeValidator(_score), Field(description="In percent, or `cleared`", examples=[72.5])]
Course = Annotated[Id, Field(examples=["DATA101"])]
Topics = Annotated[list[Id], Field(min_length=1, examples=[["charts", "bias"]])]
Period = Annotated[Id | None, Field(description="The term, run or attempt", examples=["2026-spring"])]


class CalculatedGradeSaid(Form):
    course: Course
    score: Score
    released: bool | None = None
    period: Period = None


class FinalGradeSaid(CalculatedGradeSaid):
    adjusted: bool = False


class ItemGradeSaid(CalculatedGradeSaid):
    item: Annotated[Id, Field(examples=["exam"])]


class TopicsSaid(Form):
    course: Course
    topics: Topics
    period: Period = None


class CourseSaid(Form):
    course: Course
    period: Period = None


class ParticipationSaid(Form):
    course: Annotated[Id | None, Field(description="Outside of any, if left out", examples=["DATA101"])] = None
    kind: Annotated[Literal["attended", "submitted", "posted"] | None, Field(examples=["attended"])] = None
    period: Period = None


class AchievementSaid(Form):
    achievement: Annotated[Id, Field(examples=["work-experience"])]
    period: Period = None


class OutlineSaid(Form):
    course: Course
    topics: Annotated[list[Id], Field(examples=[["charts", "bias"]])]


class ReleaseSaid(Form):
    course: Course
    released: Annotated[bool, Field(examples=[True])]


_KINDS: Final = (
    *("final_grade", "calculated_grade", "item_grade", "topics_completed", "topics_uncompleted", "topics_exempted"),
    *("topics_unexempted", "course_completed", "participated", "prior_learning", "outline", "final_grades"),
    *("granted", "revoked"),
)
_TOPICS: Final = {
    "topics_completed": (Kind.TOPIC, 1),
    "topics_uncompleted": (Kind.TOPIC, 0),
    "topics_exempted": (Kind.EXEMPTION, 1),
    "topics_unexempted": (Kind.EXEMPTION, 0),
}


_Said: TypeAlias = CalculatedGradeSaid | TopicsSaid | CourseSaid | ParticipationSaid | AchievementSaid


class EventForm(Form):
    at: Annotated[int | None, BeforeValidator(_instant), Field(examples=["2026-03-02"])] = None
    final_grade: FinalGradeSaid | None = None
    calculated_grade: CalculatedGradeSaid | None = None
    item_grade: ItemGradeSaid | None = None
    topics_completed: TopicsSaid | None = None
    topics_uncompleted: TopicsSaid | None = None
    topics_exempted: TopicsSaid | None = None
    topics_unexempted: TopicsSaid | None = None
    course_completed: CourseSaid | None = None
    participated: ParticipationSaid | None = None
    prior_learning: AchievementSaid | None = None
    outline: OutlineSaid | None = None
    final_grades: ReleaseSaid | None = None
    granted: Annotated[Id | None, Field(description="A credential, by a person", examples=["data-literacy"])] = None
    revoked: Annotated[Id | None, Field(description="A credential, by a person", examples=["data-literacy"])] = None


def _one_event(value: object) -> object:
    if not isinstance(value, dict):
        return value
    said = [key for key in value if key in _KINDS]
    if len(said) > 1:
        raise refusal(f"says {' and '.join(said)}, and an event says one thing.", "Put each in an event of its own.")
    if said and value[said[0]] is None:
        cure = "CREDENTIAL" if said[0] in ("granted", "revoked") else "{course: …}"
        raise refusal(f"says nothing after `{said[0]}`.", f"Write `{said[0]}: {cure}`.")
    if not said and not value.keys() - {"at"}:
        raise refusal("says nothing.", f"Write one of {one_of(_KINDS)}.")
    return value


Event = Annotated[EventForm, BeforeValidator(_one_event)]
Outcome = Annotated[Literal["awarded", "revoked", "expired", "none"], Field(examples=["awarded"])]


class ScenarioForm(Form):
    name: Annotated[Name, Field(examples=["A grade of 70 earns Data Literacy"])]
    given: Annotated[list[Event], Field(examples=[[{"final_grade": {"course": "DATA101", "score": 72}}]], min_length=1)]
    as_of: Annotated[
        int | None,
        BeforeValidator(_instant),
        Field(description="When that is expected; by default at the latest event", examples=["2028-03-21"]),
    ] = None
    expect: Annotated[dict[Key, Outcome], Field(examples=[{"data-literacy": "awarded"}])]


class ScenariosForm(Form):
    """What learners do, one at a time, and what each is expected to have by then."""

    scenarios: Annotated[list[ScenarioForm], Field(min_length=1)]


def beside(catalogue: Path) -> Path:
    """Where the scenarios of a catalogue lie: `catalogue.scenarios.yaml` beside `catalogue.yaml`."""
    return catalogue.with_name(f"{catalogue.stem}{SUFFIX}")


def read_scenarios(path: Path, catalogue: Catalogue) -> list[Scenario]:
    """Read scenarios for a catalogue. Raises FileFaults with every fault at once, each with its line and cure."""
    document = read_document(path)
    form, misfits = read_form(ScenariosForm, document)
    faults = in_order(document.faults, misfits, _unknown(document, catalogue))
    if faults or form is None:
        raise FileFaults(faults)
    return [_scenario(document, catalogue, at, scenario) for at, scenario in enumerate(form.scenarios)]


def _unknown(document: Document, catalogue: Catalogue) -> Iterator[Fault]:
    """Courses and credentials that the catalogue does not have: a slip in them would let `none` come true."""
    courses = [str(course) for course, _ in catalogue.courses]
    credentials = [str(credential.id) for credential in catalogue.credentials]
    for path, course in _said_courses(document):
        if course not in courses:
            yield _not_there(document, path, "course", course, courses, at_key=False)
    for path, credential in _said_credentials(document):
        if credential not in credentials:
            yield _not_there(document, path, "credential", credential, credentials, at_key=False)
    for at, scenario in enumerate(_list(document.value(("scenarios",)))):
        expected = scenario.get("expect") if isinstance(scenario, dict) else None
        for credential in expected if isinstance(expected, dict) else ():
            if credential not in credentials:
                path = ("scenarios", at, "expect", credential)
                yield _not_there(document, path, "credential", credential, credentials, at_key=True)


def _said_courses(document: Document) -> Iterator[tuple[Steps, str]]:
    for at, scenario in enumerate(_list(document.value(("scenarios",)))):
        given = scenario.get("given") if isinstance(scenario, dict) else None
        for number, event in enumerate(_list(given)):
            for kind, body in event.items() if isinstance(event, dict) else ():
                course = body.get("course") if isinstance(body, dict) else None
                if isinstance(course, str):
                    yield ("scenarios", at, "given", number, kind, "course"), course


def _said_credentials(document: Document) -> Iterator[tuple[Steps, str]]:
    for at, scenario in enumerate(_list(document.value(("scenarios",)))):
        given = scenario.get("given") if isinstance(scenario, dict) else None
        for number, event in enumerate(_list(given)):
            for kind in ("granted", "revoked") if isinstance(event, dict) else ():
                if isinstance(event.get(kind), str):
                    yield ("scenarios", at, "given", number, kind), event[kind]


def _not_there(document: Document, path: Steps, what: str, name: str, known: list[str], *, at_key: bool) -> Fault:
    closest = nearest(name, known)
    cure = f"Did you mean {show(closest)}?" if closest else f"Name a {what} of the catalogue."
    return document.fault(path, f"There is no {what} {show(name)} in the catalogue.", cure, at_key=at_key)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _scenario(document: Document, catalogue: Catalogue, at: int, form: ScenarioForm) -> Scenario:
    path: Steps = ("scenarios", at)
    facts: list[Fact | CourseFact] = []
    acts: list[ByHand] = []
    time = FIRST_AT - STEP
    for number, event in enumerate(form.given):
        time = Instant(time + STEP if event.at is None else event.at)
        line = document.fault((*path, "given", number), "", "").line
        facts += _facts(catalogue, event, time, number, f"line {line}")
        acts += _acts(catalogue, event, time, number, f"line {line}")
    return Scenario(
        name=" ".join(form.name.split()),
        facts=tuple(facts),
        acts=tuple(acts),
        as_of=None if form.as_of is None else Instant(form.as_of),
        expected=tuple(_expected(document, catalogue, (*path, "expect"), form.expect)),
    )


def _expected(document: Document, catalogue: Catalogue, path: Steps, expect: Mapping[str, str]) -> Iterator[Expected]:
    for credential in catalogue.credentials:
        name = str(credential.id)
        if name in expect:
            status = None if expect[name] == NONE else Status(expect[name])
            place = document.fault((*path, name), "", "", at_key=True)
            yield Expected(credential=credential.id, status=status, place=place)
        elif credential.kind is not CredentialKind.MILESTONE:
            place = document.fault(path, "", "", at_key=True)
            yield Expected(credential=credential.id, status=None, place=place)


def _acts(catalogue: Catalogue, event: EventForm, time: Instant, number: int, name: str) -> Iterator[ByHand]:
    """What a person has done, if the event says that one has."""
    for credential, grants in ((event.granted, True), (event.revoked, False)):
        if credential is not None:
            yield ByHand(
                tenant=catalogue.tenant,
                learner=LEARNER,
                credential=CredentialId(credential),
                act=Act(time, number, name, grants, who="", why=""),
                received_at=time,
            )


def _facts(
    catalogue: Catalogue, event: EventForm, time: Instant, number: int, name: str
) -> Iterator[Fact | CourseFact]:
    """What one event says. It arrives where it stands in the list; of two at one time the later stands last."""

    def fact(kind: Kind, body: _Said, thing: str, value: int | None) -> Fact:
        register = Register(
            tenant=catalogue.tenant,
            learner=LEARNER,
            course=OUTSIDE if isinstance(body, AchievementSaid) else CourseId(body.course or OUTSIDE),
            kind=kind,
            object=thing,
            period=body.period or "",
        )
        released = body.released if isinstance(body, CalculatedGradeSaid) else None
        return Fact(register=register, statement=Statement(time, number, name, value, released), received_at=time)

    def course_fact(kind: CourseKind, course: str, statement: CourseStatement) -> CourseFact:
        return CourseFact(
            tenant=catalogue.tenant, course=CourseId(course), kind=kind, statement=statement, received_at=time
        )

    about_course = CourseStatement(time, number, name)
    if (final := event.final_grade) is not None:
        yield fact(Kind.ADJUSTED_GRADE if final.adjusted else Kind.CALCULATED_GRADE, final, "", final.score)
    if (grade := event.calculated_grade) is not None:
        yield fact(Kind.CALCULATED_GRADE, grade, "", grade.score)
    if (item := event.item_grade) is not None:
        yield fact(Kind.ITEM_GRADE, item, item.item, item.score)
    for key, (kind, value) in _TOPICS.items():
        said: TopicsSaid | None = getattr(event, key)
        for topic in said.topics if said is not None else ():
            yield fact(kind, said, topic, value)  # type: ignore[arg-type]  # there are topics where it is not none
    if (completed := event.course_completed) is not None:
        yield fact(Kind.COURSE_COMPLETED, completed, "", 1)
    if (took_part := event.participated) is not None:
        yield fact(Kind.PARTICIPATED, took_part, took_part.kind or "", 1)
    if (prior := event.prior_learning) is not None:
        yield fact(Kind.PRIOR_LEARNING, prior, prior.achievement, 1)
    if (outline := event.outline) is not None:
        yield course_fact(CourseKind.OUTLINE, outline.course, about_course._replace(topics=tuple(outline.topics)))
    if (release := event.final_grades) is not None:
        yield course_fact(CourseKind.RELEASE, release.course, about_course._replace(released=release.released))
