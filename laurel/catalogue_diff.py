"""What differs between two catalogues, credential by credential, as people would tell it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from rules.catalogue import Catalogue, Credential, Skill, version_of
from rules.criteria import Badges, leaves
from rules.explanations import explanation, validity_words
from rules.implications import normal
from rules.keys import CredentialId
from rules.lengths import length_text
from rules.moments import moment_text
from rules.names import Names, names_of
from rules.validity import UntilDay, Validity, dump_validity


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that reads otherwise; none where there was, or is, nothing."""

    what: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialDiff:
    """
    One credential that is not what it was.

    `same_meaning`: its criteria are written otherwise, and mean the same. `only_looks`: what it takes, and what
    follows, is as it was.
    """

    id: str
    name: str
    kind: str
    how: Literal["added", "removed", "changed"]
    changes: tuple[Change, ...]
    old_version: str | None
    new_version: str | None
    same_meaning: bool = False
    only_looks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueDiff:
    """All that differs. `built_on_changed` are unchanged themselves, and count what is changed or gone."""

    head: tuple[Change, ...]
    courses: tuple[Change, ...]
    credentials: tuple[CredentialDiff, ...]
    built_on_changed: tuple[str, ...]

    @property
    def judged_again(self) -> tuple[str, ...]:
        """The credentials in both whose criteria or policies differ."""
        return tuple(one.id for one in self.credentials if one.how == "changed" and not one.only_looks)

    @property
    def new_versions(self) -> tuple[str, ...]:
        """The credentials in both whose criteria differ: new awards name another version."""
        changed = [one for one in self.credentials if one.how == "changed"]
        return tuple(one.id for one in changed if one.old_version != one.new_version)

    @property
    def is_empty(self) -> bool:
        return not (self.head or self.courses or self.credentials)

    def as_json(self) -> dict[str, Any]:
        lists = {"judged_again": list(self.judged_again), "new_versions": list(self.new_versions)}
        return {"equal": self.is_empty, **asdict(self), **lists}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two catalogues, with what its courses and credentials are called in sentences."""

    catalogue: Catalogue
    names: Names
    names_with_ids: Names

    @classmethod
    def of(cls, catalogue: Catalogue) -> "_Side":
        return cls(catalogue=catalogue, names=names_of(catalogue), names_with_ids=names_of(catalogue, with_ids=True))

    def criteria(self, credential: Credential) -> str:
        return explanation(credential, self.names).criteria

    def criteria_with_ids(self, credential: Credential) -> str:
        return explanation(credential, self.names_with_ids).criteria


def catalogue_diff(old: Catalogue, new: Catalogue) -> CatalogueDiff:
    """Compare two catalogues. Empty exactly when they are equal, whoever's they are."""
    credentials = tuple(_credentials(_Side.of(old), _Side.of(new)))
    touched = {CredentialId(one.id) for one in credentials}
    return CatalogueDiff(
        head=tuple(_head(old, new)),
        courses=tuple(_courses(old, new)),
        credentials=credentials,
        built_on_changed=tuple(_built_on(new, touched)),
    )


def _head(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    yield from _change("version", str(old.version), str(new.version))
    yield from _change("issuer", old.issuer.id, new.issuer.id)
    yield from _change("name of the issuer", old.issuer.name, new.issuer.name)
    courses = [[course for course, _ in one.courses] for one in (old, new)]
    if sorted(courses[0]) == sorted(courses[1]):
        yield from _change("order of courses", *[", ".join(ids) for ids in courses])
    credentials = [[credential.id for credential in one.credentials] for one in (old, new)]
    both = set(credentials[0]) & set(credentials[1])
    yield from _change("order of credentials", *[", ".join(i for i in ids if i in both) for ids in credentials])


def _courses(old: Catalogue, new: Catalogue) -> Iterator[Change]:
    before, after = dict(old.courses), dict(new.courses)
    for course in [*before, *[course for course in after if course not in before]]:
        yield from _change(course, before.get(course), after.get(course))


def _credentials(old: _Side, new: _Side) -> Iterator[CredentialDiff]:
    """In the order of the new file; what was removed comes where it stood."""
    before = {credential.id: credential for credential in old.catalogue.credentials}
    after = {credential.id: credential for credential in new.catalogue.credentials}
    for name in [*before, *[name for name in after if name not in before]]:
        was, becomes = before.get(name), after.get(name)
        if was is not None and becomes is not None and was != becomes:
            yield _changed(was, becomes, old, new)
        elif was is None and becomes is not None:
            changes = [
                *_moved(becomes, old.catalogue, after),
                Change(what="criteria", old=None, new=new.criteria(becomes)),
            ]
            yield _one_sided(becomes, "added", changes, old_version=None, new_version=version_of(becomes.criteria))
        elif was is not None and becomes is None:
            changes = [Change(what="criteria", old=old.criteria(was), new=None)]
            yield _one_sided(was, "removed", changes, old_version=version_of(was.criteria), new_version=None)


def _one_sided(
    credential: Credential,
    how: Literal["added", "removed"],
    changes: list[Change],
    *,
    old_version: str | None,
    new_version: str | None,
) -> CredentialDiff:
    return CredentialDiff(
        id=credential.id,
        name=credential.name,
        kind=credential.kind.value,
        how=how,
        changes=tuple(changes),
        old_version=old_version,
        new_version=new_version,
    )


def _moved(added: Credential, old: Catalogue, after: dict[CredentialId, Credential]) -> Iterator[Change]:
    """What was removed and is the same but for its id: a rename, to its author, and something else to holders."""
    for credential in old.credentials:
        if credential.id not in after and replace(credential, id=added.id) == added:
            yield Change(what="id", old=credential.id, new=added.id)
            return


def _changed(was: Credential, becomes: Credential, old: _Side, new: _Side) -> CredentialDiff:
    return CredentialDiff(
        id=becomes.id,
        name=becomes.name,
        kind=becomes.kind.value,
        how="changed",
        changes=tuple(_changes(was, becomes, old, new)),
        old_version=version_of(was.criteria),
        new_version=version_of(becomes.criteria),
        same_meaning=was.criteria != becomes.criteria and normal(was.criteria) == normal(becomes.criteria),
        only_looks=_as_it_looks(was, becomes) == becomes,
    )


def _as_it_looks(was: Credential, becomes: Credential) -> Credential:
    """What a credential was, called and drawn as what it becomes."""
    return replace(
        was,
        name=becomes.name,
        description=becomes.description,
        skills=becomes.skills,
        certificate=becomes.certificate,
    )


def _changes(was: Credential, becomes: Credential, old: _Side, new: _Side) -> Iterator[Change]:
    yield from _change("kind", was.kind.value, becomes.kind.value)
    yield from _change("name", was.name, becomes.name)
    yield from _change("description", was.description, becomes.description)
    if was.criteria != becomes.criteria:
        sentences = old.criteria(was), new.criteria(becomes)
        if sentences[0] == sentences[1]:  # what is another course or badge, and has the same name
            sentences = old.criteria_with_ids(was), new.criteria_with_ids(becomes)
        yield Change(what="criteria", old=sentences[0], new=sentences[1])
    yield from _change("when no longer met", was.when_no_longer_met.value, becomes.when_no_longer_met.value)
    graces = [None if it.grace is None else length_text(it.grace) for it in (was, becomes)]
    yield from _change("grace", graces[0], graces[1])
    yield from _validities(was.valid_for, becomes.valid_for)
    yield from _change("skills", _skills(was.skills), _skills(becomes.skills))
    designs = [(None, None) if it is None else (it.template, it.text) for it in (was.certificate, becomes.certificate)]
    yield from _change("template", designs[0][0], designs[1][0])
    yield from _change("text of the certificate", designs[0][1], designs[1][1])


def _change(what: str, old: str | None, new: str | None) -> Iterator[Change]:
    if old != new:
        yield Change(what=what, old=old, new=new)


def _validities(was: Validity | None, becomes: Validity | None) -> Iterator[Change]:
    if was != becomes:
        words = [None if it is None else validity_words(it) for it in (was, becomes)]
        if words[0] == words[1]:  # the same day, in another time zone
            words = [None if it is None else f"{validity_words(it)} ({_reckoned(it)})" for it in (was, becomes)]
        yield Change(what="valid", old=words[0], new=words[1])


def _reckoned(validity: Validity) -> str:
    match validity:
        case UntilDay(at=at):
            return moment_text(at)
        case _:
            return json.dumps(dump_validity(validity))


def _skills(skills: tuple[Skill, ...]) -> str:
    return ", ".join(f"{skill.name} ({skill.framework} {skill.code})" for skill in skills)


def _built_on(new: Catalogue, touched: set[CredentialId]) -> Iterator[str]:
    """Credentials that are what they were, and count one that is not, over any number of steps."""
    counts = {
        credential.id: {badge for leaf in leaves(credential.criteria) if isinstance(leaf, Badges) for badge in leaf.of}
        for credential in new.credentials
    }
    reached, grown = touched, True
    while grown:
        further = reached | {name for name, badges in counts.items() if badges & reached}
        reached, grown = further, further != reached
    yield from [name for name in counts if name in reached - touched]
