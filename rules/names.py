"""Names: what the courses and credentials of a catalogue are called in sentences."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from rules.awards import CredentialKind
from rules.catalogue import Catalogue
from rules.criteria import Badges, leaves
from rules.keys import CourseId, CredentialId

K = TypeVar("K", bound=str)


class Builder(NamedTuple):
    """A credential that counts another."""

    id: CredentialId
    kind: CredentialKind
    name: str


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
        issuer=line(catalogue.issuer.name),
        courses=_labels(catalogue.courses, with_ids=with_ids),
        credentials=credentials,
        kinds={credential.id: credential.kind for credential in catalogue.credentials},
        counted_by={badge: tuple(builders.values()) for badge, builders in counted_by.items()},
    )


def joined(words: Iterable[str]) -> str:
    """Words as people list them: `a, b and c`."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def line(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def _labels(named: Iterable[tuple[K, str]], *, with_ids: bool) -> dict[K, str]:
    pairs = [(key, line(name)) for key, name in named]
    counts = Counter(name for _, name in pairs)
    return {key: f"{name} ({key})" if with_ids or counts[name] > 1 else name for key, name in pairs}
