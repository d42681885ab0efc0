"""Strategies: catalogues and events of a small world, in which everything meets everything."""

from dataclasses import replace

from hypothesis import strategies as st

from rules.awards import CredentialKind
from rules.catalogue import Catalogue, CertificateDesign, Credential, Issuer
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    CalculatedGrade,
    Criterion,
    FinalGrade,
    ItemGrade,
    TopicsCompleted,
)
from rules.facts import CourseFact, CourseKind, Fact, Kind, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId, Instant, LearnerId, TenantId
from rules.policies import Policy

TENANT = TenantId("t1")
COURSES = (CourseId("c/1"), CourseId("c2"))
TOPICS = ("a", "b", "c")
LEARNERS = (LearnerId("u/1"), LearnerId("u"))
NOW = Instant(1_000_000)

courses = st.sampled_from(COURSES)
bars = st.sampled_from((0, 5_000, 7_000, 10_000))
topics = st.one_of(
    st.just("all"),
    st.integers(1, 3),
    st.lists(st.sampled_from(TOPICS), min_size=1, unique=True).map(tuple),
)
leaf_criteria: st.SearchStrategy[Criterion] = st.one_of(
    st.builds(FinalGrade, course=courses, at_least=bars),
    st.builds(CalculatedGrade, course=courses, at_least=bars),
    st.builds(ItemGrade, course=courses, item=st.sampled_from(("i1", "i2")), at_least=bars),
    st.builds(TopicsCompleted, course=courses, topics=topics),
)


def criteria(leaf: st.SearchStrategy[Criterion]) -> st.SearchStrategy[Criterion]:
    def grown(inner: st.SearchStrategy[Criterion]) -> st.SearchStrategy[Criterion]:
        parts = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.builds(AllOf, parts=parts),
            st.builds(AnyOf, parts=parts),
            parts.flatmap(lambda p: st.builds(AtLeastOf, count=st.integers(1, len(p)), parts=st.just(p))),
        )

    return st.recursive(leaf, grown, max_leaves=5)


def badges_of(ids: list[CredentialId]) -> st.SearchStrategy[Criterion]:
    some = st.lists(st.sampled_from(ids), min_size=1, unique=True).map(tuple)
    return some.flatmap(lambda of: st.builds(Badges, at_least=st.integers(1, len(of)), of=st.just(of)))


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Two badges on courses, one that may build on them, and a certificate that may hold criteria of its own."""
    credentials: list[Credential] = []

    def add(name: str, kind: CredentialKind, leaf: st.SearchStrategy[Criterion]) -> None:
        design = (
            CertificateDesign(template="classic", text="{FullName}") if kind is CredentialKind.CERTIFICATE else None
        )
        credentials.append(
            Credential(
                id=CredentialId(name),
                kind=kind,
                name=name,
                criteria=draw(criteria(leaf)),
                when_no_longer_met=draw(st.sampled_from(Policy)),
                certificate=design,
            )
        )

    add("one", CredentialKind.BADGE, leaf_criteria)
    add("two", CredentialKind.BADGE, leaf_criteria)
    ids = [credential.id for credential in credentials]
    add("built", CredentialKind.BADGE, st.one_of(leaf_criteria, badges_of(ids)))
    ids = [credential.id for credential in credentials]
    add("certificate", CredentialKind.CERTIFICATE, st.one_of(leaf_criteria, badges_of(ids)))
    return Catalogue(
        tenant=TENANT,
        version=1,
        issuer=Issuer(id="https://example.edu", name="Example"),
        courses=tuple((course, course) for course in COURSES),
        credentials=tuple(credentials),
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
)
times = st.integers(1, 12)
scores = st.sampled_from((None, 0, 4_999, 7_000, 10_500))


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    register = draw(registers)
    is_done = register.kind in (Kind.TOPIC, Kind.EXEMPTION)
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


def _one_value_an_id(events: list[Fact | CourseFact]) -> list[Fact | CourseFact]:
    """Give every event its own id, as sources do."""
    return [
        replace(e, statement=e.statement._replace(event_id=f"{e.statement.event_id}-{at}"))
        for at, e in enumerate(events)
    ]  # type: ignore[arg-type]


events = st.lists(st.one_of(facts(), facts(), facts(), course_facts()), max_size=25).map(_one_value_an_id)
