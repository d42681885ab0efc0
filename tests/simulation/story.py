"""The story of a seed: a few learners, two catalogues, and the events of a term in which everything is corrected."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date
from random import Random

from laurel.term_records import Told, broken, foreign, native
from rules.awards import ByHand, Erasure
from rules.catalogue import Catalogue, Credential
from rules.criteria import (
    OUTSIDE,
    AllOf,
    AnyOf,
    Badges,
    Before,
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
from rules.facts import CourseFact, CourseKind, Fact, Kind, Profile, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, CredentialId, Instant, LearnerId
from rules.ledger import Act
from rules.lengths import Length
from rules.policies import Policy
from rules.validity import Validity, until_day, until_next
from tests.stories import COURSES, TENANT, TOPICS, badge, catalogue_of, certificate

HOUR = 3_600_000_000
DAY = 24 * HOUR
# 2026-03-02 and 2026-06-29, in microseconds: everything has happened before the simulation begins, or is about to.
TERM_AT, NOW = 1_772_409_600_000_000, 1_782_691_200_000_000
LEARNERS = tuple(LearnerId(name) for name in ("u/1", "u", "ü 3", "u/1/staff"))
ITEMS = ("i1", "i2")
PERIODS = ("", "", "", "p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """
    What is told: the catalogue at first, so many events, another catalogue, and the other events.

    `acts`: what people do, and `erasures`, each with the number of the event that it comes after.
    """

    catalogues: tuple[Catalogue, Catalogue]
    told: tuple[Told, ...]
    changed_after: int
    acts: tuple[tuple[int, ByHand], ...]
    erasures: tuple[tuple[int, Erasure], ...]

    @property
    def erased(self) -> set[LearnerId]:
        """Who is to leave no trace."""
        return {erasure.learner for _, erasure in self.erasures}


def story_of(seed: int) -> Story:
    """The same seed tells the same story, anywhere."""
    random = Random(f"{seed} story")
    told = _told(random)
    return Story(
        catalogues=(_catalogue(random, 1), _catalogue(random, 2)),
        told=tuple(told),
        changed_after=random.randrange(len(told)),
        acts=tuple(_acts(random, len(told))),
        erasures=tuple(_erasures(random, len(told))),
    )


def _catalogue(random: Random, version: int) -> Catalogue:
    """Badges on grades and topics, one on badges, and a certificate; some are retired, or new, in the second."""
    policy = random.choice(tuple(Policy))
    bar = random.choice((5_000, 7_000))
    first, second = COURSES
    credentials = [
        badge("one", FinalGrade(course=first, at_least=bar), Policy.KEEP),
        badge("two", TopicsCompleted(course=second, topics=random.choice(("all", 2, ("a", "b")))), Policy.REVOKE),
        badge("three", _mixed(random, first, second), policy),
        badge("built", _built(random), random.choice(tuple(Policy))),
        certificate("paper", _paper(random, bar, first), random.choice(tuple(Policy))),
    ]
    credentials = [_with_an_end(random, credential) for credential in credentials]
    if version == 2:
        kept = [one for one in credentials[:3] if random.random() < 0.7]
        credentials = [
            *_without_parts(credentials, kept),
            badge("four", ItemGrade(course=second, item="i1", at_least=bar)),
        ]
    return catalogue_of(*credentials, version=version)


def _with_an_end(random: Random, credential: Credential) -> Credential:
    """Grace and validity for some. What ends may do so on the day that passes when all is told."""
    if credential.when_no_longer_met is Policy.REVOKE and random.random() < 0.5:
        credential = replace(credential, grace=Length(days=random.choice((2, 14))))
    if random.random() < 0.5:
        credential = replace(credential, valid_for=random.choice(ENDS))
    return credential


ENDS: tuple[Validity, ...] = (
    *(Length(days=5), Length(months=1), until_next(3, 10, UTC), until_day(date(2026, 3, 9), UTC)),
    # The term begins 119 days before it is over, and then a day passes.
    *(Length(days=119), until_day(date(2026, 6, 28), UTC), until_day(date(2026, 6, 29), UTC)),
)


def _without_parts(credentials: list[Credential], kept: list[Credential]) -> list[Credential]:
    """What builds on a badge goes with it."""
    return credentials if len(kept) == 3 else kept


def _mixed(random: Random, first: CourseId, second: CourseId) -> Criterion:
    parts: tuple[Criterion, ...] = (
        random.choice((CourseCompleted(course=first), PriorLearning(achievement="work"))),
        Participated(course=random.choice((first, OUTSIDE)), kind="", times=random.randint(1, 3)),
        ItemGrade(course=first, item="i1", at_least=random.choice((0, 5_000))),
        WeightedGrade(course=first, items=(("i1", 1), ("i2", 2)), at_least=5_000, unreleased_too=random.random() < 0.5),
        TopicsCompleted(course=first, topics=random.choice(("all", 1))),
        FinalGrade(course=second, at_least=5_000),
    )
    chosen = tuple(random.sample(parts, 2))
    if random.random() < 0.3:
        chosen = (Before(time=TERM_AT + random.randint(2, 10) * DAY, of=chosen[0]), chosen[1])
    if random.random() < 0.3:
        return AllOf(parts=(chosen[0], Not(of=chosen[1])))
    return AllOf(parts=chosen) if random.random() < 0.5 else AnyOf(parts=chosen)


def _built(random: Random) -> Criterion:
    """A badge on badges, now and then with a window or a deadline."""
    found = _badges(random, ("one", "two", "three"), 2)
    if random.random() < 0.3:
        found = replace(found, within=Length(days=random.randint(1, 5)))
    if random.random() < 0.2:
        return Before(time=TERM_AT + random.randint(2, 10) * DAY, of=found)
    return found


def _badges(random: Random, names: tuple[str, ...], most: int) -> Badges:
    return Badges(at_least=random.randint(1, most), of=tuple(CredentialId(name) for name in names))


def _paper(random: Random, bar: int, course: CourseId) -> Criterion:
    """A certificate on badges or, now and then, with criteria of its own, which become a milestone."""
    badges = _badges(random, ("one", "two", "three", "built"), 3)
    if random.random() < 0.3:
        return AllOf(parts=(badges, FinalGrade(course=course, at_least=bar)))
    if random.random() < 0.3:
        unless = random.choice((FinalGrade(course=course, at_least=9_000), Badges(at_least=1, of=(badges.of[-1],))))
        return AllOf(parts=(replace(badges, of=badges.of[:-1], at_least=1), Not(of=unless)))
    return badges


def _told(random: Random) -> list[Told]:
    learners = LEARNERS[: random.randint(2, len(LEARNERS))]
    found = [
        native(_said(random, learners, number), binary=random.random() < 0.3)
        for number in range(random.randint(25, 60))
    ]
    for number, learner in enumerate(learners[:2]):
        found.append(native(_profile(learner, number)))
    for _ in range(random.randint(0, 3)):
        found.append(broken(random, random.choice(found)))
    found.append(foreign(random, TERM_AT + DAY))
    random.shuffle(found)
    return found


def _said(random: Random, learners: tuple[LearnerId, ...], number: int) -> Fact | CourseFact:
    course = random.choice(COURSES)
    if random.random() < 0.15:
        return _course_fact(random, course, number)
    kind = random.choice((*GRADES, Kind.TOPIC, Kind.TOPIC, Kind.TOPIC, Kind.EXEMPTION, *DEEDS))
    is_grade = kind in GRADES
    thing = random.choice(OBJECTS.get(kind, ("",)))
    value = random.choice((None, 0, 4_999, 6_000, 7_000, 9_000)) if is_grade else random.choice((1, 1, 1, 0))
    if kind in DEEDS:
        value, course = 1, random.choice((course, OUTSIDE)) if kind is Kind.PARTICIPATED else course
    if kind is Kind.PRIOR_LEARNING:
        course = OUTSIDE
    register = Register(
        tenant=TENANT,
        learner=random.choice(learners),
        course=course,
        kind=kind,
        object=thing,
        period=random.choice(PERIODS) if kind is not Kind.ITEM_GRADE else "",
    )
    released = random.choice((None, None, True, False)) if is_grade else None
    stated = Statement(_moment(random), random.randint(0, 1), _id(number), value, released)
    return Fact(register=register, statement=stated, received_at=Instant(0))


DEEDS = (Kind.COURSE_COMPLETED, Kind.PARTICIPATED, Kind.PRIOR_LEARNING)
OBJECTS = {
    Kind.ITEM_GRADE: ITEMS,
    Kind.TOPIC: TOPICS,
    Kind.EXEMPTION: TOPICS,
    Kind.PARTICIPATED: ("", "attended", "posted"),
    Kind.PRIOR_LEARNING: ("work", "abroad"),
}
GRADES = (Kind.CALCULATED_GRADE, Kind.CALCULATED_GRADE, Kind.ADJUSTED_GRADE, Kind.ITEM_GRADE)


def _course_fact(random: Random, course: CourseId, number: int) -> CourseFact:
    kind = random.choice(tuple(CourseKind))
    stated = CourseStatement(_moment(random), 0, _id(number))
    if kind is CourseKind.OUTLINE:
        stated = stated._replace(topics=tuple(sorted(random.sample(TOPICS, random.randint(1, 3)))))
    else:
        stated = stated._replace(released=random.random() < 0.7)
    return CourseFact(tenant=TENANT, course=course, kind=kind, statement=stated, received_at=Instant(0))


def closing(number: int) -> Told:
    """A record that says something of a course that no rule asks about: time and positions move on with it."""
    stated = CourseStatement(TERM_AT, 0, _id(-1 - number), topics=("a",))
    fact = CourseFact(
        tenant=TENANT, course=CourseId("other"), kind=CourseKind.OUTLINE, statement=stated, received_at=Instant(0)
    )
    return native(fact)


def _acts(random: Random, events: int) -> Iterator[tuple[int, ByHand]]:
    """Grants and revocations: of what there is, of what there is only later, and for who has done nothing."""
    for number in range(random.choice((0, 0, 1, 2, 4, 8))):
        act = Act(_moment(random), 0, f"act-{number}", random.random() < 0.6, "registrar", "transferred")
        done = ByHand(
            tenant=TENANT,
            learner=random.choice(LEARNERS),
            credential=CredentialId(random.choice(("one", "two", "three", "built", "paper", "four"))),
            act=act,
            received_at=Instant(0),
        )
        yield random.randrange(events), done


def _erasures(random: Random, events: int) -> Iterator[tuple[int, Erasure]]:
    """Mostly nobody; somebody may be erased twice, each time with a key of its own."""
    for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
        erasure = Erasure(
            tenant=TENANT,
            learner=random.choice(LEARNERS[:3]),
            hash_key=random.randbytes(32).hex(),
            who="registrar",
            why="asked for",
            received_at=Instant(0),
        )
        yield random.randrange(events), erasure


def _profile(learner: LearnerId, number: int) -> Profile:
    name = f"profile-{number}"
    return Profile(tenant=TENANT, learner=learner, full_name="A B", occurred_at=Instant(TERM_AT), event_id=name)


def _moment(random: Random) -> int:
    """Days are few, so that stamps meet; some are still to come."""
    if random.random() < 0.06:
        return NOW + random.randint(1, 10) * HOUR
    return TERM_AT + random.randint(0, 12) * DAY


def _id(number: int) -> str:
    return f"https://lms.example.edu e{number}"
