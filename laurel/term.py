"""A whole term of the demo's university: what its platform tells, in the order of sending, decided by a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from random import Random
from typing import Final, NamedTuple

from laurel.term_records import TENANT, Told, broken, foreign, native, statement, uuid
from rules.facts import CourseFact, CourseKind, Fact, Kind, Profile, Register
from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, Instant, LearnerId, TenantId

DAY: Final = 86_400 * 1_000_000
HOUR: Final = DAY // 24
WEEK: Final = 7 * DAY
WEEKS: Final = 15
# 2026-03-02, a Monday; the term ends with 2026-06-14.
BEGINS_AT: Final = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 1_000_000

FIRST_COURSE: Final = 6_601
TOPICS: Final = 10
FIRST_LEARNER: Final = 10_001
STAFF: Final = 201
# Learners whose statistics grade of 80 % is taken back, much later, as of the moment when it was given: by the
# facts the badge was never due, and under `keep` the ledger alone holds the award.
KEPT_BY_LEDGER: Final = tuple(str(FIRST_LEARNER + at) for at in (11, 52, 97, 143, 204, 268))
STATISTICS: Final = "6603"
# This course gets one topic more in the eighth week.
GROWING: Final = "6601"
# Final grades of these courses are released when the term is over.
RELEASED_LATE: Final = ("6602", "6604", "6606")
# Everyone takes these; of the others, most do.
FOR_ALL: Final = ("6601", "6602", "6603")

_MIDTERM_ITEM, _FINAL_ITEM = "91", "92"


class _Sending(NamedTuple):
    """A record, when it is sent, and its number, by which those of one time are told apart."""

    sent_at: int
    number: int
    told: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learner:
    """How good and how thorough someone is: what the generator knows, and Laurel never hears."""

    id: LearnerId
    level: float
    thorough: float


class _Term:
    """What has been told so far. All chance comes from one seeded generator, in one order."""

    def __init__(self, seed: int, learners: int, courses: int, first: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a demo is to be repeated, not to be secret
        self.sendings: list[_Sending] = []
        self.courses = [CourseId(str(FIRST_COURSE + at)) for at in range(courses)]
        self.learners = [
            _Learner(
                id=LearnerId(str(first + at)),
                level=self.random.gauss(73, 9),
                thorough=min(0.98, max(0.1, self.random.gauss(0.68, 0.25))),
            )
            for at in range(learners)
        ]

    def send(self, told: Told, at: int) -> None:
        self.sendings.append(_Sending(at, len(self.sendings), told))

    def send_live(self, told: Told, at: int) -> None:
        """Send within a minute, as streams do: but now and then after hours, and rarely after weeks."""
        chance = self.random.random()
        if chance < 0.003:
            delay = self.random.randrange(2 * WEEK, 8 * WEEK)
        elif chance < 0.04:
            delay = self.random.randrange(HOUR, 3 * DAY)
        else:
            delay = self.random.randrange(200_000, 60_000_000)
        self.send(told, at + delay)

    def send_at_night(self, told: Told, at: int) -> None:
        """Send with the night's bulk, in no order."""
        night = at - at % DAY + DAY + 2 * HOUR
        self.send_live(told, night + self.random.randrange(HOUR))

    def moment(self, week: float, spread_days: float = 3.0) -> int:
        """Some moment around the middle of a week, within the term, to the millisecond."""
        days = max(0.1, week * 7 + self.random.gauss(0, spread_days / 2))
        return BEGINS_AT + int(min(days, WEEKS * 7 - 0.5) * DAY) // 1_000 * 1_000


def term(seed: int = 1, learners: int = 300, courses: int = 6, first: int = FIRST_LEARNER) -> list[Told]:
    """
    Everything that is sent in one term, in that order. The same arguments give the same bytes, anywhere.

    Learners are numbered from `first` on, so that several terms may have others, or the same again.
    """
    story = _Term(seed, learners, courses, first)
    _open_courses(story)
    names = _names(story.random, learners)
    for learner, profile in zip(story.learners, names, strict=True):
        _enrol(story, learner, profile)
        for course in story.courses:
            if course in FOR_ALL or story.random.random() < 0.58:
                _study(story, learner, course)
    _noise(story)
    return [sending.told for sending in sorted(story.sendings, key=lambda one: one[:2])]


def _open_courses(story: _Term) -> None:
    for course in story.courses:
        story.send(native(_outline(course, TOPICS, BEGINS_AT), binary=True), BEGINS_AT)
        if course == GROWING:
            at = BEGINS_AT + 8 * WEEK
            story.send(native(_outline(course, TOPICS + 1, at), binary=True), at + HOUR)
        if course in RELEASED_LATE:
            for released, at in ((False, BEGINS_AT), (True, BEGINS_AT + WEEKS * WEEK - 2 * DAY)):
                story.send(native(_release(course, released, at)), at + HOUR)


def _outline(course: CourseId, topics: int, at: int) -> CourseFact:
    names = tuple(_topic(course, number) for number in range(1, topics + 1))
    told = CourseStatement(at, 0, f"https://lms.example.edu/courses outline-{course}-{topics}", names)
    return _course_fact(course, CourseKind.OUTLINE, told)


def _release(course: CourseId, released: bool, at: int) -> CourseFact:
    name = f"https://lms.example.edu/courses release-{course}-{released:d}"
    return _course_fact(course, CourseKind.RELEASE, CourseStatement(at, 0, name, released=released))


def _course_fact(course: CourseId, kind: CourseKind, told: CourseStatement) -> CourseFact:
    return CourseFact(tenant=TenantId(TENANT), course=course, kind=kind, statement=told, received_at=Instant(0))


def _topic(course: str, number: int) -> str:
    return f"{course}{number:02}"


def _enrol(story: _Term, learner: _Learner, names: tuple[str, str, str, str]) -> None:
    full, given, family, language = names
    at = BEGINS_AT + story.random.randrange(HOUR)
    profile = Profile(
        tenant=TenantId(TENANT),
        learner=learner.id,
        full_name=full,
        first_name=given,
        last_name=family,
        language=language,
        occurred_at=Instant(at),
        event_id=uuid(story.random),
    )
    story.send(native(profile, binary=True), at)
    told = statement(
        story.random, verb="enrolled", learner=learner.id, course="6600", thing="6600", at=at, kind="orgunit"
    )
    story.send_live(told, at)


def _study(story: _Term, learner: _Learner, course: CourseId) -> None:
    level = learner.level + story.random.gauss(0, 5)
    _topics(story, learner, course)
    if course == STATISTICS and learner.id in KEPT_BY_LEDGER:
        _grade_taken_back(story, learner.id, course)
        return
    grades = _items(story, learner.id, course, level)
    _finals(story, learner.id, course, grades)


def _topics(story: _Term, learner: _Learner, course: CourseId) -> None:
    chance = story.random
    is_thorough = chance.random() < learner.thorough
    for number in range(1, TOPICS + 1 + (course == GROWING)):
        topic, at = _topic(course, number), story.moment(0.8 + number * 1.25)
        if chance.random() < 0.012:
            _exempt(story, learner.id, course, topic, at)
        elif is_thorough or chance.random() < 0.66:
            _say(story, "completed", learner.id, course, topic, at)
            if chance.random() < 0.008:
                fact = _fact(story, learner.id, course, Kind.TOPIC, topic, at + DAY, 0)
                story.send_live(native(fact), at + DAY)
        if chance.random() < 0.06:
            _say(story, chance.choice(("evaluated", "updated", "released")), learner.id, course, topic, at)
        if chance.random() < 0.01:
            _say(story, "completed", learner.id, course, topic, story.moment(6), staff=STAFF)


def _exempt(story: _Term, learner: LearnerId, course: CourseId, topic: str, at: int) -> None:
    _say(story, "exempted", learner, course, topic, at)
    if story.random.random() < 0.25:
        _say(story, "unexempted", learner, course, topic, at + 2 * DAY)


def _say(
    story: _Term, verb: str, learner: LearnerId, course: CourseId, thing: str, at: int, staff: int | None = None
) -> None:
    told = statement(story.random, verb=verb, learner=learner, course=course, thing=thing, at=at, staff=staff)
    story.send_live(told, at)


def _items(story: _Term, learner: LearnerId, course: CourseId, level: float) -> list[int]:
    """Two graded items, some of which are corrected: up, down, or cleared and given again."""
    grades = []
    for number, week in ((_MIDTERM_ITEM, 6.5), (_FINAL_ITEM, 13.0)):
        item, at = course + number, story.moment(week)
        grade = _hundredths(level + story.random.gauss(0, 6))
        story.send_at_night(native(_fact(story, learner, course, Kind.ITEM_GRADE, item, at, grade)), at)
        if story.random.random() < 0.06:
            later = at + story.random.randrange(2 * DAY, 9 * DAY)
            corrected = _hundredths(grade / 100 + story.random.gauss(1, 9))
            if story.random.random() < 0.2:
                cleared = _fact(story, learner, course, Kind.ITEM_GRADE, item, later - DAY, None)
                story.send_at_night(native(cleared), later - DAY)
            fact = _fact(story, learner, course, Kind.ITEM_GRADE, item, later, corrected)
            story.send_at_night(native(fact), later)
            grade = corrected
        grades.append(grade)
    return grades


def _finals(story: _Term, learner: LearnerId, course: CourseId, grades: list[int]) -> None:
    """A calculated grade in mid-term and one at the end; some adjusted by hand, and some cut when term is over."""
    chance, at = story.random, story.moment(WEEKS - 0.6, 1)
    middle, end = story.moment(7.5), grades[0] * 2 // 5 + grades[1] * 3 // 5
    story.send_at_night(native(_fact(story, learner, course, Kind.CALCULATED_GRADE, "", middle, grades[0])), middle)
    story.send_at_night(native(_fact(story, learner, course, Kind.CALCULATED_GRADE, "", at, end)), at)
    if chance.random() < 0.15:
        for shift in (chance.gauss(2, 5), chance.gauss(0, 8))[: 1 + (chance.random() < 0.2)]:
            at += chance.randrange(HOUR, 2 * DAY)
            fact = _fact(story, learner, course, Kind.ADJUSTED_GRADE, "", at, _hundredths(end / 100 + shift))
            story.send_live(native(fact, binary=chance.random() < 0.5), at)
    if chance.random() < 0.05:
        at = BEGINS_AT + (WEEKS + 1) * WEEK + chance.randrange(WEEK)
        fact = _fact(story, learner, course, Kind.ADJUSTED_GRADE, "", at, end * 2 // 3)
        story.send_live(native(fact), at)
    elif end >= 7_500:
        fact = _fact(story, learner, course, Kind.COURSE_COMPLETED, "", at, 1)
        story.send_live(native(fact), at)


def _grade_taken_back(story: _Term, learner: LearnerId, course: CourseId) -> None:
    """See KEPT_BY_LEDGER: both grades have one time, and the correction the higher sequence."""
    at = story.moment(9)
    for sequence, grade, sent_at in ((1, 8_000, at + HOUR), (2, 4_000, BEGINS_AT + (WEEKS + 1) * WEEK)):
        told = Statement(at, sequence, uuid(story.random), grade, released=True)
        fact = Fact(
            register=Register(tenant=TenantId(TENANT), learner=learner, course=course, kind=Kind.CALCULATED_GRADE),
            statement=told,
            received_at=Instant(0),
        )
        story.send(native(fact), sent_at)


def _fact(
    story: _Term, learner: LearnerId, course: CourseId, kind: Kind, thing: str, at: int, value: int | None
) -> Fact:
    return Fact(
        register=Register(tenant=TenantId(TENANT), learner=learner, course=course, kind=kind, object=thing),
        statement=Statement(at, 0, uuid(story.random), value),
        received_at=Instant(0),
    )


def _hundredths(percent: float) -> int:
    return round(min(104.0, max(0.0, percent)) * 100)


def _noise(story: _Term) -> None:
    """What every bus has: events sent again, events for others, and what nobody can read."""
    chance, heard = story.random, list(story.sendings)
    # Sent again are neither these grades nor anything after them, so that their story stays as it is told.
    again = [one for one in heard if b'"sequence":' not in one.told.value]
    for one in chance.sample(again, len(again) // 50):
        story.send(one.told, one.sent_at + chance.randrange(1_000_000, 5 * DAY))
    for _ in range(len(heard) // 60):
        at = story.moment(chance.uniform(0, WEEKS))
        story.send(foreign(chance, at), at)
    for one in chance.sample(heard, len(heard) // 200):
        story.send(broken(chance, one.told), one.sent_at + chance.randrange(DAY))


def _names(random: Random, learners: int) -> Iterator[tuple[str, str, str, str]]:
    """Full name, given name, family name and language, from all the languages in turn."""
    text = (files("laurel") / "demo" / "names.txt").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line and not line.startswith("#")]
    for at in range(learners):
        language, order, givens, families = rows[at % len(rows)]
        given, family = random.choice(givens.split(", ")), random.choice(families.split(", "))
        full = f"{given} {family}" if order == "GF" else f"{family}{'' if order == 'FG-' else ' '}{given}"
        yield full, given, family, language
