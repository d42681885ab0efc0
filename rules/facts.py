"""What an event can say: facts about one learner, and facts about a course for everyone."""

from dataclasses import dataclass
from enum import StrEnum

from rules.histories import CourseStatement, Statement
from rules.keys import CourseId, Instant, LearnerId, TenantId

# The score of a full mark. Scores are whole hundredths of a percent, so 70 % is 7,000.
FULL_SCORE = 10_000


class Kind(StrEnum):
    """What a register can be about."""

    CALCULATED_GRADE = "calculated_grade"
    ADJUSTED_GRADE = "adjusted_grade"
    ITEM_GRADE = "item_grade"
    TOPIC = "topic"
    EXEMPTION = "exemption"
    COURSE_COMPLETED = "course_completed"
    PARTICIPATED = "participated"
    PRIOR_LEARNING = "prior_learning"


class CourseKind(StrEnum):
    """What can be said of a course for everyone."""

    OUTLINE = "outline"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What a fact is about. `course` is empty for what was done outside any course."""

    tenant: TenantId
    learner: LearnerId
    course: CourseId
    kind: Kind
    object: str = ""
    period: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that an event says about one learner."""

    register: Register
    statement: Statement
    received_at: Instant
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseFact:
    """One thing that an event says about a course, for everyone in it."""

    tenant: TenantId
    course: CourseId
    kind: CourseKind
    period: str = ""
    statement: CourseStatement
    received_at: Instant
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a learner is called: the only record that holds names."""

    tenant: TenantId
    learner: LearnerId
    full_name: str
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    email_sha256: str = ""
    occurred_at: Instant
    event_id: str
