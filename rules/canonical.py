"""The canonical form of criteria: what travels with a catalogue, and is digested."""

from typing import Any, assert_never

from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    Before,
    CalculatedGrade,
    Clause,
    CourseCompleted,
    CourseLeaf,
    Criterion,
    FinalGrade,
    Grade,
    ItemGrade,
    Not,
    Participated,
    PriorLearning,
    TopicsCompleted,
    WeightedGrade,
)
from rules.keys import ClauseId, CourseId, CredentialId
from rules.lengths import dump_length, parse_length


def dump_criterion(criterion: Criterion) -> dict[str, Any]:
    """The canonical form of a condition; scores are in hundredths of a percent."""
    match criterion:
        case AllOf(parts=parts):
            return {"all": [dump_criterion(part) for part in parts]}
        case AnyOf(parts=parts):
            return {"any": [dump_criterion(part) for part in parts]}
        case AtLeastOf(count=count, parts=parts):
            return {"at_least": count, "of": [dump_criterion(part) for part in parts]}
        case Not(of=of):
            return {"not": dump_criterion(of)}
        case Before(time=time, of=of):
            return {"before": {"time": time, "of": dump_criterion(of)}}
        case Badges(at_least=count, of=of, within=within):
            window = {} if within is None else {"within": dump_length(within)}
            return {"badges": {"at_least": count, "of": list(of), **window}}
        case Clause(id=clause):
            return {"clause": clause}
        case _:
            return _dump_of_course(criterion)


def parse_criterion(document: dict[str, Any]) -> Criterion:
    """Read what `dump_criterion` wrote. Raises ValueError for anything else."""
    match document:
        case {"all": parts}:
            return AllOf(parts=tuple(parse_criterion(part) for part in parts))
        case {"any": parts}:
            return AnyOf(parts=tuple(parse_criterion(part) for part in parts))
        case {"at_least": count, "of": parts}:
            return AtLeastOf(count=count, parts=tuple(parse_criterion(part) for part in parts))
        case {"not": of}:
            return Not(of=parse_criterion(of))
        case {"before": {"time": time, "of": of}}:
            return Before(time=time, of=parse_criterion(of))
        case {"badges": {"at_least": count, "of": of, "within": within}}:
            badges = tuple(CredentialId(badge) for badge in of)
            return Badges(at_least=count, of=badges, within=parse_length(within))
        case {"badges": {"at_least": count, "of": of}}:
            return Badges(at_least=count, of=tuple(CredentialId(badge) for badge in of))
        case {"clause": clause}:
            return Clause(id=ClauseId(clause))
        case _:
            return _parse_of_course(document)


def _dump_of_course(criterion: CourseLeaf) -> dict[str, Any]:
    match criterion:
        case FinalGrade(course=course, at_least=bar):
            return {"final_grade": {"course": course, "at_least": bar, **_dump_release(criterion)}}
        case CalculatedGrade(course=course, at_least=bar):
            return {"calculated_grade": {"course": course, "at_least": bar, **_dump_release(criterion)}}
        case ItemGrade(course=course, item=item, at_least=bar):
            return {"item_grade": {"course": course, "item": item, "at_least": bar, **_dump_release(criterion)}}
        case WeightedGrade(course=course, items=items, at_least=bar):
            shares = [{"item": item, "weight": weight} for item, weight in items]
            return {"weighted_grade": {"course": course, "items": shares, "at_least": bar, **_dump_release(criterion)}}
        case TopicsCompleted(course=course, topics=topics):
            listed = list(topics) if isinstance(topics, tuple) else topics
            return {"topics_completed": {"course": course, "topics": listed}}
        case CourseCompleted(course=course):
            return {"course_completed": {"course": course}}
        case Participated(course=course, kind=kind, times=times):
            return {"participated": {"course": course, "kind": kind, "times": times}}
        case PriorLearning(achievement=achievement):
            return {"prior_learning": {"achievement": achievement}}
        case _:
            assert_never(criterion)


def _parse_of_course(document: dict[str, Any]) -> CourseLeaf:
    match document:
        case {"final_grade": {"course": course, "at_least": bar} as body}:
            return FinalGrade(course=CourseId(course), at_least=bar, unreleased_too=_parse_release(body))
        case {"calculated_grade": {"course": course, "at_least": bar} as body}:
            return CalculatedGrade(course=CourseId(course), at_least=bar, unreleased_too=_parse_release(body))
        case {"item_grade": {"course": course, "item": item, "at_least": bar} as body}:
            return ItemGrade(course=CourseId(course), item=item, at_least=bar, unreleased_too=_parse_release(body))
        case {"weighted_grade": {"course": course, "items": shares, "at_least": bar} as body}:
            items = tuple((share["item"], share["weight"]) for share in shares)
            too = _parse_release(body)
            return WeightedGrade(course=CourseId(course), items=items, at_least=bar, unreleased_too=too)
        case {"topics_completed": {"course": course, "topics": topics}}:
            listed = tuple(topics) if isinstance(topics, list) else topics
            return TopicsCompleted(course=CourseId(course), topics=listed)
        case {"course_completed": {"course": course}}:
            return CourseCompleted(course=CourseId(course))
        case {"participated": {"course": course, "kind": kind, "times": times}}:
            return Participated(course=CourseId(course), kind=kind, times=times)
        case {"prior_learning": {"achievement": achievement}}:
            return PriorLearning(achievement=achievement)
        case _:
            msg = f"no criterion is written like this: {document!r:.200}"
            raise ValueError(msg)


def _dump_release(grade: Grade) -> dict[str, str]:
    return {"released": "any"} if grade.unreleased_too else {}


def _parse_release(body: dict[str, Any]) -> bool:
    return body.get("released") == "any"
