"""Catalogues as values: what travels is what was meant, and the rulebook asks about what can matter, and no more."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from graphlib import CycleError
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given

from rules.awards import CredentialKind
from rules.canonical import dump_criterion, parse_criterion
from rules.catalogue import (
    Catalogue,
    CertificateDesign,
    Credential,
    Issuer,
    Skill,
    digest,
    dump_catalogue,
    parse_catalogue,
)
from rules.course import CourseRecord, CourseView, Histories, judged
from rules.criteria import (
    OUTSIDE,
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    Clause,
    CourseCompleted,
    Criterion,
    FinalGrade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
    leaves,
)
from rules.facts import CourseFact, CourseKind, Fact, Kind
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId, TenantId
from rules.lengths import Length
from rules.nesting import holds_of_nobody
from rules.policies import Policy
from rules.replay import Replay
from rules.rulebook import Rulebook, clause_id, rulebook
from tests.stories import COURSES, NOW, TENANT, badge, catalogue_of, catalogues, certificate, events

C, D = COURSES
ONE, TWO = CredentialId("one"), CredentialId("two")
grade_c, grade_d = FinalGrade(course=C, at_least=7_000), FinalGrade(course=D, at_least=7_000)
topics_c = TopicsCompleted(course=C, topics="all")
has_one = Badges(at_least=1, of=(ONE,))


def digest_of(catalogue: Catalogue) -> str:
    return digest(dump_catalogue(catalogue))


@given(catalogues())
def test_a_catalogue_is_read_as_it_was_written(catalogue: Catalogue) -> None:
    travelled = json.loads(json.dumps(dump_catalogue(catalogue)))

    assert parse_catalogue(travelled) == catalogue


RICH = replace(
    badge("rich", AllOf(parts=(grade_c, AtLeastOf(count=1, parts=(topics_c, has_one))))),
    description="All that a credential can say",
    skills=(Skill(framework="ESCO", code="S5.6", name="managing data"),),
)
WHOLE = catalogue_of(badge("one", grade_d), RICH, certificate("certificate", has_one))
OTHERWISE_CREDENTIAL: dict[str, Any] = {
    "id": CredentialId("poor"),
    "kind": CredentialKind.MILESTONE,
    "name": "Poor",
    "description": "",
    "criteria": AnyOf(parts=RICH.criteria.parts) if isinstance(RICH.criteria, AllOf) else None,
    "when_no_longer_met": Policy.REVOKE,
    "grace": Length(days=14),
    "valid_for": Length(years=1, months=6),
    "skills": (Skill(framework="ESCO", code="S5.6", name="managing dates"),),
    "certificate": CertificateDesign(template="classic", text="{FullName}!"),
}
OTHERWISE: dict[str, Any] = {
    "tenant": TenantId("t2"),
    "version": 2,
    "issuer": Issuer(id="https://example.edu", name="Example University"),
    "courses": ((C, C), (D, "Named")),
    "credentials": (WHOLE.credentials[1], WHOLE.credentials[0], WHOLE.credentials[2]),
}


def test_a_catalogue_with_everything_in_it_is_read_as_it_was_written() -> None:
    assert parse_catalogue(json.loads(json.dumps(dump_catalogue(WHOLE)))) == WHOLE


@pytest.mark.parametrize("field", [field.name for field in fields(Catalogue)])
def test_the_digest_changes_with_every_part_of_a_catalogue(field: str) -> None:
    other = replace(WHOLE, **{field: OTHERWISE[field]})

    assert digest_of(other) != digest_of(WHOLE)
    assert parse_catalogue(dump_catalogue(other)) == other


@pytest.mark.parametrize("field", [field.name for field in fields(Credential)])
def test_the_digest_changes_with_every_part_of_a_credential(field: str) -> None:
    changed = replace(RICH, **{field: OTHERWISE_CREDENTIAL[field]})
    other = replace(WHOLE, credentials=(WHOLE.credentials[0], changed, WHOLE.credentials[2]))

    assert digest_of(other) != digest_of(WHOLE)
    assert parse_catalogue(dump_catalogue(other)) == other


CRITERIA: list[Criterion] = [
    grade_c,
    grade_d,
    FinalGrade(course=C, at_least=7_001),
    CalculatedGrade(course=C, at_least=7_000),
    ItemGrade(course=C, item="i1", at_least=7_000),
    ItemGrade(course=C, item="i2", at_least=7_000),
    topics_c,
    TopicsCompleted(course=C, topics=("all",)),
    TopicsCompleted(course=C, topics=("a", "b")),
    TopicsCompleted(course=C, topics=2),
    FinalGrade(course=C, at_least=7_000, unreleased_too=True),
    CalculatedGrade(course=C, at_least=7_000, unreleased_too=True),
    ItemGrade(course=C, item="i1", at_least=7_000, unreleased_too=True),
    WeightedGrade(course=C, items=(("i1", 1), ("i2", 2)), at_least=7_000),
    WeightedGrade(course=C, items=(("i1", 2), ("i2", 1)), at_least=7_000),
    WeightedGrade(course=C, items=(("i1", 2), ("i2", 1)), at_least=7_000, unreleased_too=True),
    CourseCompleted(course=C),
    CourseCompleted(course=D),
    Participated(course=C, kind="", times=1),
    Participated(course=OUTSIDE, kind="", times=1),
    Participated(course=C, kind="attended", times=1),
    Participated(course=C, kind="attended", times=2),
    PriorLearning(achievement="work"),
    PriorLearning(achievement="abroad"),
    has_one,
    Badges(at_least=1, of=(ONE, TWO)),
    Badges(at_least=2, of=(ONE, TWO)),
    AllOf(parts=(grade_c,)),
    AllOf(parts=(grade_c, grade_d)),
    AnyOf(parts=(grade_c, grade_d)),
    AtLeastOf(count=1, parts=(grade_c, grade_d)),
    AtLeastOf(count=2, parts=(grade_c, grade_d)),
    Badges(at_least=2, of=(ONE, TWO), within=Length(years=1)),
    Badges(at_least=2, of=(ONE, TWO), within=Length(days=365)),
    Before(time=5, of=grade_c),
    Before(time=6, of=grade_c),
    Not(of=grade_c),
    Not(of=Not(of=grade_c)),
    Clause(id=clause_id(grade_c)),
]


def test_no_two_criteria_are_written_alike() -> None:
    assert len({digest(dump_criterion(criterion)) for criterion in CRITERIA}) == len(CRITERIA)
    assert [parse_criterion(dump_criterion(criterion)) for criterion in CRITERIA] == CRITERIA


@given(catalogues(), catalogues())
def test_catalogues_have_one_digest_exactly_when_they_are_equal(one: Catalogue, other: Catalogue) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)


@given(catalogues())
def test_the_order_of_keys_does_not_change_the_digest(catalogue: Catalogue) -> None:
    document = dump_catalogue(catalogue)

    assert digest(_reversed(document)) == digest(document)
    assert list(_reversed(document)) != list(document)


def _reversed(document: Any) -> Any:
    match document:
        case dict():
            return {name: _reversed(document[name]) for name in reversed(document)}
        case list():
            return [_reversed(part) for part in document]
        case _:
            return document


@pytest.mark.parametrize("document", [{}, {"final_grade": {"course": "c"}}, {"every": []}, {"badges": {"of": []}}])
def test_what_is_no_criterion_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no criterion is written like this"):
        parse_criterion(document)


def test_conditions_of_one_course_are_one_clause() -> None:
    whole = AllOf(parts=(grade_c, AnyOf(parts=(topics_c, grade_c))))
    book = rulebook(catalogue_of(badge("one", whole)))

    assert [rule.criterion for rule in book.clauses.values()] == [whole]
    assert book.rules[ONE].tree == Clause(id=clause_id(whole))
    assert book.by_course == {C: (clause_id(whole),)}


def test_conditions_of_two_courses_are_a_clause_each_as_large_as_it_can_be() -> None:
    of_c = AllOf(parts=(grade_c, topics_c))
    book = rulebook(catalogue_of(badge("one", AnyOf(parts=(of_c, grade_d)))))

    assert {rule.criterion: rule.course for rule in book.clauses.values()} == {of_c: C, grade_d: D}
    assert book.rules[ONE].tree == AnyOf(parts=(Clause(id=clause_id(of_c)), Clause(id=clause_id(grade_d))))


def test_credentials_that_ask_for_the_same_share_a_clause() -> None:
    book = rulebook(catalogue_of(badge("one", grade_c), badge("two", AllOf(parts=(grade_c, grade_d)))))

    assert book.clauses[clause_id(grade_c)].credentials == (ONE, TWO)
    assert book.clauses[clause_id(grade_d)].credentials == (TWO,)


def test_a_certificate_is_built_of_badges_and_its_other_criteria_are_milestones() -> None:
    book = rulebook(
        catalogue_of(badge("one", grade_d), certificate("paper", AllOf(parts=(has_one, grade_c)), Policy.KEEP))
    )
    [milestone] = [rule for rule in book.rules.values() if rule.credential.kind is CredentialKind.MILESTONE]
    paper = book.rules[CredentialId("paper")]

    assert paper.tree == AllOf(parts=(has_one, Badges(at_least=1, of=(milestone.credential.id,))))
    assert milestone.credential.criteria == grade_c
    assert milestone.credential.when_no_longer_met is Policy.REVOKE
    assert book.badges == {ONE, milestone.credential.id}
    assert book.certificates == {CredentialId("paper")}
    assert book.by_badge[milestone.credential.id] == (CredentialId("paper"),)


@given(catalogues())
def test_clauses_and_milestones_put_back_in_their_places_give_the_criteria_again(catalogue: Catalogue) -> None:
    book = rulebook(catalogue)
    for credential in catalogue.credentials:
        assert _put_back(book, book.rules[credential.id].tree) == credential.criteria


def _put_back(book: Rulebook, criterion: Criterion) -> Criterion:
    match criterion:
        case Clause(id=clause):
            return book.clauses[clause].criterion
        case Badges(of=(only,)) if book.rules[only].credential.kind is CredentialKind.MILESTONE:
            return book.rules[only].credential.criteria
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return replace(criterion, parts=tuple(_put_back(book, part) for part in parts))
        case Not(of=of) | Before(of=of):
            return replace(criterion, of=_put_back(book, of))
        case _:
            return criterion


@pytest.mark.slow
@given(catalogues())
def test_every_clause_is_of_one_course_and_no_larger_part_is_that_silence_does_not_meet(catalogue: Catalogue) -> None:
    book = rulebook(catalogue)
    for rule in book.clauses.values():
        assert _courses(rule.criterion) == {rule.course}
        assert not holds_of_nobody(rule.criterion)
    for credential in book.rules.values():
        for group in _groups(credential.tree):
            courses = {book.clauses[leaf.id].course for leaf in leaves(group) if isinstance(leaf, Clause)}
            has_badges = any(isinstance(leaf, Badges) for leaf in leaves(group))
            assert len(courses) > 1 or has_badges or holds_of_nobody(group)


def _courses(criterion: Criterion) -> set[CourseId]:
    return {leaf.course for leaf in leaves(criterion) if not isinstance(leaf, Badges | Clause)}


def _groups(criterion: Criterion) -> list[Criterion]:
    match criterion:
        case AllOf(parts=parts) | AnyOf(parts=parts) | AtLeastOf(parts=parts):
            return [criterion, *chain.from_iterable(_groups(part) for part in parts)]
        case Not(of=of) | Before(of=of):
            return [criterion, *_groups(of)]
        case _:
            return []


@given(catalogues())
def test_certificates_have_leaves_of_badges_only_and_what_is_built_on_comes_first(catalogue: Catalogue) -> None:
    book = rulebook(catalogue)
    for credential in book.certificates:
        assert all(isinstance(leaf, Badges) for leaf in leaves(book.rules[credential].tree))
    order = book.in_order(book.rules)
    for credential, rule in book.rules.items():
        for badge_id in [b for leaf in leaves(rule.tree) if isinstance(leaf, Badges) for b in leaf.of]:
            assert order.index(badge_id) < order.index(credential)
            assert credential in book.by_badge[badge_id]


@pytest.mark.parametrize(
    "credentials",
    [
        (badge("one", has_one),),
        (badge("one", Badges(at_least=1, of=(TWO,))), badge("two", AnyOf(parts=(grade_c, has_one)))),
    ],
)
def test_credentials_that_build_on_each_other_in_a_ring_are_refused(credentials: tuple[Credential, ...]) -> None:
    with pytest.raises(CycleError):
        rulebook(catalogue_of(*credentials))


def test_a_badge_that_the_catalogue_does_not_have_is_refused() -> None:
    with pytest.raises(KeyError, match="two counts the badge one"):
        rulebook(catalogue_of(badge("two", has_one)))


Said = tuple[Kind, str]
GRADES: frozenset[Said] = frozenset({(Kind.CALCULATED_GRADE, ""), (Kind.ADJUSTED_GRADE, "")})
WORLD: tuple[Said, ...] = (
    *sorted(GRADES),
    (Kind.ITEM_GRADE, "i1"),
    (Kind.ITEM_GRADE, "i2"),
    *[(kind, topic) for kind in (Kind.TOPIC, Kind.EXEMPTION) for topic in "ab"],
)


@pytest.mark.parametrize(
    ("criterion", "kinds"),
    [
        (grade_c, [CourseKind.RELEASE]),
        (CalculatedGrade(course=C, at_least=7_000), [CourseKind.RELEASE]),
        (ItemGrade(course=C, item="i1", at_least=7_000), []),
        (topics_c, [CourseKind.OUTLINE]),
        (TopicsCompleted(course=C, topics=("a", "b")), []),
        (TopicsCompleted(course=C, topics=2), []),
        (AllOf(parts=(ItemGrade(course=C, item="i2", at_least=7_000), topics_c)), [CourseKind.OUTLINE]),
    ],
)
def test_exactly_the_registers_that_can_change_a_clause_are_asked(
    criterion: Criterion, kinds: list[CourseKind]
) -> None:
    book = rulebook(catalogue_of(badge("one", criterion)))

    assert {said for said in WORLD if book.asked(C, *said)} == {said for said in WORLD if _matters(criterion, said)}
    assert not any(book.asked(D, *said) for said in WORLD)
    assert [kind for kind in CourseKind if book.asked_of_course(C, kind)] == sorted(kinds)


def _matters(criterion: Criterion, said: Said) -> bool:
    """The oracle: whether saying this ever changes anything, whatever is said besides."""
    others = [other for other in WORLD if other != said]
    subsets = chain.from_iterable(combinations(others, count) for count in range(len(others) + 1))
    return any(_is_met(criterion, subset) != _is_met(criterion, (*subset, said)) for subset in subsets)


def _is_met(criterion: Criterion, said: tuple[Said, ...]) -> bool:
    histories: Histories = {}
    for kind, thing in said:
        low = kind is Kind.ADJUSTED_GRADE
        histories.setdefault(kind, {})[thing] = {"": (Statement(1, 0, "e", 1 if low else 9_000),)}
    record = CourseRecord(outline={"": (CourseStatement(1, 0, "o", topics=("a", "b")),)})
    return bool(judged(criterion, CourseView(histories=histories, record=record)))


@pytest.mark.slow
@given(catalogues(), events)
def test_what_is_not_asked_never_changes_what_is_due(catalogue: Catalogue, events: list[Fact | CourseFact]) -> None:
    book = rulebook(catalogue)

    assert _replayed(catalogue, events, lambda event: _is_asked(book, event)) == _replayed(
        catalogue, events, lambda _: True
    )


def _is_asked(book: Rulebook, event: Fact | CourseFact) -> bool:
    if isinstance(event, CourseFact):
        return book.asked_of_course(event.course, event.kind)
    return bool(book.asked(event.register.course, event.register.kind, event.register.object))


def _replayed(
    catalogue: Catalogue, events: list[Fact | CourseFact], is_wanted: Callable[[Fact | CourseFact], bool]
) -> object:
    replay = Replay()
    replay.catalogue(catalogue, NOW)
    replay.facts([event for event in events if is_wanted(event)])
    return replay.entitlements(TENANT), replay.awards
