"""A preview as a whole: what the changes of all learners come to, credential by credential."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rules.awards import CredentialKind
from rules.keys import CredentialId
from rules.preview import AwardChange, Compared, Effect, LearnerPreview, Shift
from rules.rulebook import Rulebook


@dataclass(slots=True, kw_only=True)
class CredentialPreview:
    """
    What would change of one credential. `held`: how many hold it before.

    What `is_retired` is not in the new catalogue: it stays with those who hold it, and nobody gains it any more.
    """

    credential: CredentialId
    kind: CredentialKind
    is_new: bool
    is_retired: bool
    held: int = 0
    gains: list[AwardChange] = field(default_factory=list)
    loses: list[AwardChange] = field(default_factory=list)
    changes: list[AwardChange] = field(default_factory=list)
    closer: list[Shift] = field(default_factory=list)
    farther: list[Shift] = field(default_factory=list)

    @property
    def is_touched(self) -> bool:
        """Whether anything of it would change for anybody."""
        return bool(self.gains or self.loses or self.changes or self.closer or self.farther)


@dataclass(slots=True, kw_only=True)
class Preview:
    """What would change for everyone; `anyway` are awards that are told without another catalogue too."""

    learners: int = 0
    credentials: dict[CredentialId, CredentialPreview] = field(default_factory=dict)
    anyway: list[AwardChange] = field(default_factory=list)

    def expect(self, compared: Compared) -> None:
        """Have a row for each credential of these catalogues, in the order of the new one."""
        old = {} if compared.current is None else _shown(compared.current)
        new = _shown(compared.new)
        for credential, kind in {**new, **old}.items():
            self.credentials.setdefault(
                credential,
                CredentialPreview(
                    credential=credential, kind=kind, is_new=credential not in old, is_retired=credential not in new
                ),
            )

    def add(self, one: LearnerPreview) -> None:
        """Count one learner in."""
        self.learners += 1
        self.anyway += one.anyway
        for credential in one.held:
            # Milestones have no row, nor has what an earlier catalogue has retired: neither is changed by this one.
            if (row := self.credentials.get(credential)) is not None:
                row.held += 1
        for change in one.awards:
            row = self.credentials[change.credential]
            match change.effect:
                case Effect.GAINS:
                    row.gains.append(change)
                case Effect.LOSES:
                    row.loses.append(change)
                case Effect.CHANGES:
                    row.changes.append(change)
        for shift in one.shifts:
            row = self.credentials[shift.credential]
            (row.closer if shift.after > shift.before else row.farther).append(shift)

    def awards(self) -> Iterator[AwardChange]:
        """All awards that would be told because of the catalogue."""
        for row in self.credentials.values():
            yield from (*row.gains, *row.loses, *row.changes)

    @property
    def touched(self) -> list[CredentialPreview]:
        """The credentials of which anything would change."""
        return [row for row in self.credentials.values() if row.is_touched]


def _shown(rulebook: Rulebook) -> dict[CredentialId, CredentialKind]:
    kinds = {credential.id: credential.kind for credential in rulebook.catalogue.credentials}
    return {credential: kind for credential, kind in kinds.items() if kind is not CredentialKind.MILESTONE}
