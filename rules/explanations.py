"""Explanations: each credential in English sentences that a teacher would sign."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, assert_never

from rules.awards import CredentialKind
from rules.catalogue import Catalogue, Credential, Skill
from rules.criteria import (
    AllOf,
    AnyOf,
    AtLeastOf,
    Badges,
    CalculatedGrade,
    Clause,
    Criterion,
    FinalGrade,
    ItemGrade,
    TopicsCompleted,
    leaves,
    percent,
)
from rules.keys import CourseId, CredentialId
from rules.policies import Policy

INDENT = "  "
K = TypeVar("K", bound=str)


class Requirement(NamedTuple):
    """A condition in words that go on after "a learner needs"; of a group, its parts too."""

    text: str
    parts: tuple["Requirement", ...] = ()


class Builder(NamedTuple):
    """A credential that counts another."""

    id: CredentialId
    kind: CredentialKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One credential in words. Each field is whole sentences; the text is all of them."""

    id: CredentialId
    kind: CredentialKind
    name: str
    what: str
    description: str
    needs: Requirement
    when_no_longer_met: str
    counted_by: tuple[Builder, ...]
    skills: tuple[Skill, ...]
    certificate: str

    @property
    def criteria(self) -> str:
        """What it takes: one sentence, or a sentence and an indented list."""
        return "\n".join(["To earn it, a learner needs " + _opening(self.needs), *_listed(self.needs, "")])

    @property
    def text(self) -> str:
        """All that there is to say, a sentence or a list a line."""
        sentences = (
            self.what,
            self.description,
            self.criteria,
            self.when_no_longer_met,
            self._counts_towards(),
            self._shows(),
            self.certificate,
        )
        return "\n".join(sentence for sentence in sentences if sentence)

    def _counts_towards(self) -> str:
        if self.kind is CredentialKind.CERTIFICATE:
            return ""
        if not self.counted_by:
            return "Nothing else builds on it."
        return f"It counts towards {_joined(f'the {one.kind.value} “{one.name}”' for one in self.counted_by)}."

    def _shows(self) -> str:
        skills = [f"{_line(skill.name)} ({_line(skill.framework)} {skill.code})" for skill in self.skills]
        return f"It shows {_joined(skills)}." if skills else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a catalogue's courses and credentials are called in sentences, and which credentials count each other."""

    issuer: str
    courses: Mapping[CourseId, str]
    credentials: Mapping[CredentialId, str]
    kinds: Mapping[CredentialId, CredentialKind]
    counted_by: Mapping[CredentialId, tuple[Builder, ...]]

    def course(self, course: CourseId) -> str:
        return self.courses.get(course, course)

    def credential(self, credential: CredentialId) -> str:
        return self.credentials.get(credential, credential)


def names_of(catalogue: Catalogue, *, with_ids: bool = False) -> Names:
    """
    The names to explain a catalogue by; where two share a name, the id is added.

    `with_ids` always adds it, for where sentences of two catalogues are compared.
    """
    credentials = _labels([(one.id, one.name) for one in catalogue.credentials], with_ids=with_ids)
    counted_by: dict[CredentialId, dict[CredentialId, Builder]] = {}
    for credential in catalogue.credentials:
        builder = Builder(credential.id, credential.kind, credentials[credential.id])
        for leaf in leaves(credential.criteria):
            for badge in leaf.of if isinstance(leaf, Badges) else ():
                counted_by.setdefault(badge, {})[credential.id] = builder
    return Names(
        issuer=_line(catalogue.issuer.name),
        courses=_labels(catalogue.courses, with_ids=with_ids),
        credentials=credentials,
        kinds={credential.id: credential.kind for credential in catalogue.credentials},
        counted_by={badge: tuple(builders.values()) for badge, builders in counted_by.items()},
    )


def explanation(credential: Credential, names: Names) -> Explanation:
    """Put a credential into words, with the names that its catalogue gives."""
    design = credential.certificate
    return Explanation(
        id=credential.id,
        kind=credential.kind,
        name=credential.name,
        what=_what(credential, names.issuer),
        description=_line(credential.description),
        needs=requirement(credential.criteria, names),
        when_no_longer_met=_policy(credential.when_no_longer_met),
        counted_by=names.counted_by.get(credential.id, ()),
        skills=credential.skills,
        certificate="" if design is None else f"The certificate reads: “{_line(design.text)}”",
    )


def requirement(criterion: Criterion, names: Names) -> Requirement:
    """Put a condition into words. What means the same reads the same: a group of one part is that part."""
    match criterion:
        case AllOf(parts=(part,)) | AnyOf(parts=(part,)) | AtLeastOf(parts=(part,)):
            return requirement(part, names)
        case AllOf(parts=parts):
            return Requirement("all of these at the same time", _inner(parts, names))
        case AnyOf(parts=parts) | AtLeastOf(count=1, parts=parts):
            return Requirement("at least one of these", _inner(parts, names))
        case AtLeastOf(count=count, parts=parts) if count == len(parts):
            return Requirement("all of these at the same time", _inner(parts, names))
        case AtLeastOf(count=count, parts=parts):
            text = f"at least {count} of these {len(parts)} at the same time"
            return Requirement(text, _inner(parts, names))
        case FinalGrade(course=course, at_least=bar):
            return Requirement(f"a released final grade {_in(names.course(course), bar)}")
        case CalculatedGrade(course=course, at_least=bar):
            grade = "a released final grade, as calculated before adjustment,"
            return Requirement(f"{grade} {_in(names.course(course), bar)}")
        case ItemGrade(course=course, item=item, at_least=bar):
            where = f"the item “{item}” of {names.course(course)}"
            return Requirement(f"a grade {_in(where, bar)}")
        case TopicsCompleted(course=course, topics=topics):
            return Requirement(_topics(topics, names.course(course)))
        case Badges(at_least=count, of=of):
            return Requirement(_badges(count, of, names))
        case Clause():
            raise TypeError("a clause stands in a rulebook; an author's criteria have none")
        case _:
            assert_never(criterion)


def _inner(parts: tuple[Criterion, ...], names: Names) -> tuple[Requirement, ...]:
    return tuple(requirement(part, names) for part in parts)


def _in(what: str, bar: int) -> str:
    return f"of at least {percent(bar)} % in {what}" if bar else f"in {what}, whatever it is"


def _topics(topics: str | tuple[str, ...] | int, course: str) -> str:
    match topics:
        case int():
            some = "any topic" if topics == 1 else f"any {topics} topics"
            return f"{some} of {course} completed (exemptions do not count)"
        case (topic,):
            return f"the topic “{topic}” of {course} completed"
        case tuple():
            which = "the topics " + _joined(f"“{topic}”" for topic in topics)
        case _:
            which = "all topics"
    return f"{which} of {course} completed or exempted, at least one of them completed"


def _badges(count: int, of: tuple[CredentialId, ...], names: Names) -> str:
    kinds = {names.kinds.get(badge, CredentialKind.BADGE) for badge in of}
    one = "milestone" if kinds == {CredentialKind.MILESTONE} else "badge"
    several = f"{one}s" if len(kinds) == 1 else "badges and milestones"
    listed = _joined(f"“{names.credential(badge)}”" for badge in of)
    if len(of) == 1:
        return f"the {one} {listed}"
    if count == len(of):
        return f"the {several} {listed}"
    if count == 1:
        return f"at least one of the {several} {listed}"
    return f"at least {count} of the {len(of)} {several} {listed}"


def _what(credential: Credential, issuer: str) -> str:
    what = f"{_line(credential.name)} is a {credential.kind.value} of {issuer}"
    hidden = ": it counts towards other credentials, and is not shown"
    return f"{what}{hidden if credential.kind is CredentialKind.MILESTONE else ''}."


def _policy(policy: Policy) -> str:
    match policy:
        case Policy.KEEP:
            return "Once earned, it stays earned, also when this no longer holds."
        case Policy.REVOKE:
            return "It is taken back when this no longer holds, and given back when it holds again."
        case _:
            assert_never(policy)


def _opening(needs: Requirement) -> str:
    return f"{needs.text}:" if needs.parts else f"{needs.text}."


def _listed(needs: Requirement, indent: str) -> list[str]:
    lines: list[str] = []
    for part in needs.parts:
        lines.append(f"{indent}- {part.text}{':' if part.parts else ''}")
        lines += _listed(part, indent + INDENT)
    return lines


def _labels(named: Iterable[tuple[K, str]], *, with_ids: bool) -> dict[K, str]:
    pairs = [(key, _line(name)) for key, name in named]
    counts = Counter(name for _, name in pairs)
    return {key: f"{name} ({key})" if with_ids or counts[name] > 1 else name for key, name in pairs}


def _joined(words: Iterable[str]) -> str:
    """Words as people list them: `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _line(text: str) -> str:
    return " ".join(text.split())
