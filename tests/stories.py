"""A small world in which everything meets everything: strategies for its catalogues and events, and single ones."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date
from typing import Any, cast

from hypothesis import strategies as st

from rules.awards import CredentialKind
from rules.catalogue import Catalogue, CertificateDesign, Credential, Issuer, dump_catalogue, parse_catalogue
from rules.criteria import (
    OUTSIDE,
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
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
)
from rules.facts import CourseFact, CourseKind, Fact, Kind, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId, Instant, LearnerId, TenantId
from rules.lengths import MICROSECONDS_A_DAY, Length
from rules.nesting import holds_of_nobody
from rules.policies import Policy
from rules.validity import Validity, until_day, until_next

TENANT = TenantId("t1")
COURSES = (CourseId("c/1"), CourseId("c2"))
TOPICS = ("a", "b", "c")
ACHIEVEMENTS = ("work", "abroad")
LEARNERS = (LearnerId("u/1"), LearnerId("u"))
HOUR = 3_600_000_000
DAY = MICROSECONDS_A_DAY
NOW = Instant(30 * DAY)

courses = st.sampled_from(COURSES)
# So far apart that some are within a day of each other and some are not: windows on badges are of a day.
times = st.integers(1, 12).map(lambda at: at * 7 * HOUR)
bars = st.sampled_from((0, 5_000, 7_000, 10_000))
weights = st.integers(1, 3)
topics = st.one_of(
    st.just("all"),
    st.integers(1, 3),
    st.lists(st.sampled_from(TOPICS), min_size=1, unique=True).map(tuple),
)
leaf_criteria: st.SearchStrategy[Criterion] = st.one_of(
    st.builds(FinalGrade, course=courses, at_least=bars, unreleased_too=st.booleans()),
    st.builds(CalculatedGrade, course=courses, at_least=bars, unreleased_too=st.booleans()),
    st.builds(
        ItemGrade, course=courses, item=st.sampled_from(("i1", "i2")), at_least=bars, unreleased_too=st.booleans()
    ),
    st.builds(
        WeightedGrade,
        course=courses,
        items=st.tuples(st.tuples(st.just("i1"), weights), st.tuples(st.just("i2"), weights)),
        at_least=bars,
        unreleased_too=st.booleans(),
    ),
    st.builds(TopicsCompleted, course=courses, topics=topics),
    st.builds(CourseCompleted, course=courses),
    st.builds(
        Participated,
        course=st.sampled_from((*COURSES, OUTSIDE)),
        kind=st.sampled_from(("", "attended", "posted")),
        times=st.integers(1, 3),
    ),
    st.builds(PriorLearning, achievement=st.sampled_from(ACHIEVEMENTS)),
)


def criteria(leaf: st.SearchStrategy[Criterion]) -> st.SearchStrategy[Criterion]:
    def grown(inner: st.SearchStrategy[Criterion]) -> st.SearchStrategy[Criterion]:
        parts = st.lists(st.one_of(inner, inner, st.builds(Not, of=inner)), min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Before, time=times, of=inner),
            st.builds(AllOf, parts=parts),
            st.builds(AnyOf, parts=parts),
            parts.flatmap(lambda p: st.builds(AtLeastOf, count=st.integers(1, len(p)), parts=st.just(p))),
        )

    return st.recursive(leaf, grown, max_leaves=5).filter(lambda criterion: not holds_of_nobody(criterion))


def badges_of(ids: list[CredentialId]) -> st.SearchStrategy[Criterion]:
    some = st.lists(st.sampled_from(ids), min_size=1, unique=True).map(tuple)
    windows = st.none() | st.just(Length(days=1))
    return some.flatmap(lambda of: st.builds(Badges, at_least=st.integers(1, len(of)), of=st.just(of), within=windows))


ONE, TWO, BUILT, CERTIFICATE = (CredentialId(name) for name in ("one", "two", "built", "certificate"))
# Built once: making a strategy costs more than drawing from it.
on_courses = criteria(leaf_criteria)
on_two_badges = criteria(st.one_of(leaf_criteria, badges_of([ONE, TWO])))
on_three_badges = criteria(st.one_of(leaf_criteria, badges_of([ONE, TWO, BUILT])))
policies = st.sampled_from(Policy)
lengths = st.builds(Length, days=st.integers(1, 5)) | st.builds(Length, months=st.just(1))
validities: st.SearchStrategy[Validity | None] = st.one_of(
    st.none(),
    lengths,
    st.integers(1, 15).map(lambda day: until_day(date(1970, 1, day), UTC)),
    st.integers(1, 15).map(lambda day: until_next(1, day, UTC)),
)


@st.composite
def terms(draw: st.DrawFn) -> dict[str, Any]:
    """All that can be said of what follows, as a credential's fields."""
    policy = draw(policies)
    grace = draw(st.none() | lengths) if policy is Policy.REVOKE else None
    return {"when_no_longer_met": policy, "grace": grace, "valid_for": draw(validities)}


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Two badges on courses, one that may build on them, and a certificate that may hold criteria of its own."""
    credentials = (
        badge(ONE, draw(on_courses)),
        badge(TWO, draw(on_courses)),
        badge(BUILT, draw(on_two_badges)),
        certificate(CERTIFICATE, draw(on_three_badges)),
    )
    return catalogue_of(*[replace(credential, **draw(terms())) for credential in credentials])


@st.composite
def plain_catalogues(draw: st.DrawFn) -> Catalogue:
    """Badges of one condition each, and what counts them: nothing hides what a condition says."""
    return catalogue_of(
        *[badge(name, draw(leaf_criteria), Policy.REVOKE) for name in (ONE, TWO, "three", "four")],
        badge(BUILT, draw(badges_of([ONE, TWO, CredentialId("three")])), Policy.REVOKE),
        certificate(CERTIFICATE, draw(badges_of([ONE, TWO, BUILT])), draw(policies)),
    )


registers = st.one_of(
    st.builds(
        Register,
        tenant=st.just(TENANT),
        learner=st.sampled_from(LEARNERS),
        course=courses,
        kind=st.sampled_from((Kind.TOPIC, Kind.EXEMPTION)),
        object=st.sampled_from(TOPICS),
        period=st.sampled_from(("", "p")),
    ),
    st.builds(
        Register,
        tenant=st.just(TENANT),
        learner=st.sampled_from(LEARNERS),
        course=courses,
        kind=st.sampled_from((Kind.CALCULATED_GRADE, Kind.ADJUSTED_GRADE)),
        period=st.sampled_from(("", "p")),
    ),
    st.builds(
        Register,
        tenant=st.just(TENANT),
        learner=st.sampled_from(LEARNERS),
        course=courses,
        kind=st.just(Kind.ITEM_GRADE),
        object=st.sampled_from(("i1", "i2")),
    ),
    st.builds(
        Register,
        tenant=st.just(TENANT),
        learner=st.sampled_from(LEARNERS),
        course=courses,
        kind=st.just(Kind.COURSE_COMPLETED),
        period=st.sampled_from(("", "p")),
    ),
    st.builds(
        Register,
        tenant=st.just(TENANT),
        learner=st.sampled_from(LEARNERS),
        course=st.sampled_from((*COURSES, OUTSIDE)),
        kind=st.just(Kind.PARTICIPATED),
        object=st.sampled_from(("", "attended", "posted")),
        period=st.sampled_from(("", "p")),
    ),
    st.builds(
        Register,
        tenant=st.just(TENANT),
        learner=st.sampled_from(LEARNERS),
        course=st.just(OUTSIDE),
        kind=st.just(Kind.PRIOR_LEARNING),
        object=st.sampled_from(ACHIEVEMENTS),
    ),
)
GRADES = (Kind.CALCULATED_GRADE, Kind.ADJUSTED_GRADE, Kind.ITEM_GRADE)
scores = st.sampled_from((None, 0, 4_999, 7_000, 10_500))


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    register = draw(registers)
    is_done = register.kind not in GRADES
    statement = Statement(
        draw(times),
        draw(st.integers(0, 1)),
        f"e{draw(st.integers(0, 10_000))}",
        draw(st.integers(0, 1)) if is_done else draw(scores),
        None if is_done else draw(st.sampled_from((None, True, False))),
    )
    return Fact(register=register, statement=statement, received_at=NOW)


@st.composite
def course_facts(draw: st.DrawFn) -> CourseFact:
    kind = draw(st.sampled_from(CourseKind))
    statement = CourseStatement(draw(times), 0, f"c{draw(st.integers(0, 10_000))}")
    if kind is CourseKind.OUTLINE:
        statement = statement._replace(topics=tuple(draw(st.lists(st.sampled_from(TOPICS), unique=True))))
    else:
        statement = statement._replace(released=draw(st.booleans()))
    return CourseFact(tenant=TENANT, course=draw(courses), kind=kind, statement=statement, received_at=NOW)


def _with_own_ids(events: Iterable[Fact | CourseFact]) -> list[Fact | CourseFact]:
    """Give every event its own id, as sources do."""
    return [_with_id(event, f"{event.statement.event_id}-{at}") for at, event in enumerate(events)]


def _with_id(event: Fact | CourseFact, event_id: str) -> Fact | CourseFact:
    if isinstance(event, Fact):
        return replace(event, statement=event.statement._replace(event_id=event_id))
    return replace(event, statement=event.statement._replace(event_id=event_id))


events = st.lists(st.one_of(facts(), facts(), facts(), course_facts()), max_size=25).map(_with_own_ids)


def crowded(strategy: st.SearchStrategy[Catalogue]) -> st.SearchStrategy[Catalogue]:
    """Catalogues that ask about one course alone."""
    return strategy.map(crowded_catalogue)


def crowded_catalogue(catalogue: Catalogue) -> Catalogue:
    """The same catalogue, asking about one course alone."""
    return parse_catalogue(_in_one_course(dump_catalogue(catalogue)))


def _in_one_course(document: dict[str, Any]) -> dict[str, Any]:
    written = json.dumps(document).replace(f'"course": "{COURSES[1]}"', f'"course": "{COURSES[0]}"')
    return cast("dict[str, Any]", json.loads(written))


def _said_of_one(event: Fact | CourseFact) -> Fact | CourseFact:
    if isinstance(event, CourseFact):
        return replace(event, course=COURSES[0])
    course = event.register.course and COURSES[0]
    return replace(event, register=replace(event.register, course=course, learner=LEARNERS[0]))


# Most of it is about what somebody asks for: in a wider world, few criteria are ever met and lost again.
facts_of_one = st.one_of(facts(), facts(), facts(), course_facts()).map(_said_of_one)
crowded_events = st.lists(facts_of_one, min_size=12, max_size=30).map(_with_own_ids)


def badge(name: str, criteria: Criterion, policy: Policy = Policy.KEEP) -> Credential:
    return Credential(
        id=CredentialId(name), kind=CredentialKind.BADGE, name=name, criteria=criteria, when_no_longer_met=policy
    )


def certificate(name: str, criteria: Criterion, policy: Policy = Policy.KEEP) -> Credential:
    design = CertificateDesign(template="classic", text="{FullName}")
    return replace(badge(name, criteria, policy), kind=CredentialKind.CERTIFICATE, certificate=design)


def catalogue_of(*credentials: Credential, version: int = 1) -> Catalogue:
    return Catalogue(
        tenant=TENANT,
        version=version,
        issuer=Issuer(id="https://example.edu", name="Example"),
        courses=tuple((course, course) for course in COURSES),
        credentials=credentials,
    )


def fact(
    kind: Kind,
    time: int,
    value: int | None,
    *,
    course: CourseId = COURSES[0],
    learner: LearnerId = LEARNERS[0],
    thing: str = "",
    period: str = "",
    received_at: Instant = NOW,
) -> Fact:
    """What an event says of a learner; its id is made of all that it says."""
    register = Register(tenant=TENANT, learner=learner, course=course, kind=kind, object=thing, period=period)
    event_id = f"{kind}-{course}-{thing}-{period}-{time}-{value}"
    return Fact(register=register, statement=Statement(time, 0, event_id, value), received_at=received_at)


def outline(
    time: int, *topics: str, course: CourseId = COURSES[0], period: str = "", received_at: Instant = NOW
) -> CourseFact:
    statement = CourseStatement(time, 0, f"outline-{course}-{time}", topics=topics)
    return CourseFact(
        tenant=TENANT,
        course=course,
        kind=CourseKind.OUTLINE,
        period=period,
        statement=statement,
        received_at=received_at,
    )


def release(
    time: int, released: bool, *, course: CourseId = COURSES[0], period: str = "", received_at: Instant = NOW
) -> CourseFact:
    statement = CourseStatement(time, 0, f"release-{course}-{time}", released=released)
    return CourseFact(
        tenant=TENANT,
        course=course,
        kind=CourseKind.RELEASE,
        period=period,
        statement=statement,
        received_at=received_at,
    )
