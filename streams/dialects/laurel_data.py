"""The shapes of the data in our native format, one for each kind of event."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Raw, Struct

Sequence: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Text: TypeAlias = str | None


class Data(Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    """What every kind of data may say. A field that nobody knows is a typing error: `relased` must be found."""

    tenant: Text = None
    period: Text = None
    sequence: Sequence = 0


class CourseData(Data, kw_only=True, gc=False, forbid_unknown_fields=True):
    learner: str
    course: str


class GradeData(CourseData, kw_only=True, gc=False, forbid_unknown_fields=True):
    score: Raw
    max_score: Raw = Raw(b"")
    released: bool | None = None
    adjusted: bool = False


class FinalGradeData(CourseData, kw_only=True, gc=False, forbid_unknown_fields=True):
    score: Raw
    max_score: Raw = Raw(b"")
    released: bool | None = None
    adjusted: bool


class ItemGradeData(GradeData, kw_only=True, gc=False, forbid_unknown_fields=True):
    item: str


class TopicData(CourseData, kw_only=True, gc=False, forbid_unknown_fields=True):
    topic: str


class ParticipatedData(Data, kw_only=True, gc=False, forbid_unknown_fields=True):
    learner: str
    course: Text = None
    kind: Literal["attended", "submitted", "posted", ""] | None = None


class PriorLearningData(Data, kw_only=True, gc=False, forbid_unknown_fields=True):
    learner: str
    achievement: str
    recognised_by: str
    evidence: str
    note: Text = None


class OutlineData(Data, kw_only=True, gc=False, forbid_unknown_fields=True):
    course: str
    topics: list[str]


class ReleaseData(Data, kw_only=True, gc=False, forbid_unknown_fields=True):
    course: str
    final_grades_released: bool


class ProfileData(Struct, kw_only=True, gc=False, forbid_unknown_fields=True):
    tenant: Text = None
    learner: str
    full_name: str
    first_name: Text = None
    last_name: Text = None
    language: Text = None
    email_sha256: Text = None
