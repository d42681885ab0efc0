"""Explanations: each credential in English sentences that a teacher would sign."""

from dataclasses import dataclass
from typing import assert_never

from rules.awards import CredentialKind
from rules.catalogue import Credential, Skill
from rules.keys import CredentialId
from rules.lengths import Length, length_text
from rules.names import Builder, Names, joined, line
from rules.policies import Policy
from rules.requirements import Requirement, requirement
from rules.validity import UntilDay, UntilNext, Validity

INDENT = "  "
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


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
    validity: str
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
            self.validity,
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
        return f"It counts towards {joined(f'the {one.kind.value} “{one.name}”' for one in self.counted_by)}."

    def _shows(self) -> str:
        skills = [f"{line(skill.name)} ({line(skill.framework)} {skill.code})" for skill in self.skills]
        return f"It shows {joined(skills)}." if skills else ""


def explanation(credential: Credential, names: Names) -> Explanation:
    """Put a credential into words, with the names that its catalogue gives."""
    design = credential.certificate
    return Explanation(
        id=credential.id,
        kind=credential.kind,
        name=credential.name,
        what=_what(credential, names.issuer),
        description=line(credential.description),
        needs=requirement(credential.criteria, names),
        when_no_longer_met=_policy(credential.when_no_longer_met, credential.grace),
        validity=_validity(credential.when_no_longer_met, credential.valid_for),
        counted_by=names.counted_by.get(credential.id, ()),
        skills=credential.skills,
        certificate="" if design is None else f"The certificate reads: “{line(design.text)}”",
    )


def _what(credential: Credential, issuer: str) -> str:
    what = f"{line(credential.name)} is a {credential.kind.value} of {issuer}"
    hidden = ": it counts towards other credentials, and is not shown"
    return f"{what}{hidden if credential.kind is CredentialKind.MILESTONE else ''}."


def validity_words(validity: Validity) -> str:
    """How long something is valid, in words that go on after "valid"."""
    match validity:
        case Length():
            return f"for {length_text(validity)}"
        case UntilDay(day=day):
            return f"until the end of {day.day} {_MONTHS[day.month - 1]} {day.year}"
        case UntilNext(month=month, day=number):
            return f"until the end of the next {number} {_MONTHS[month - 1]}"
        case _:
            assert_never(validity)


def _policy(policy: Policy, grace: Length | None) -> str:
    match policy:
        case Policy.KEEP:
            return "Once earned, it stays earned, also when this no longer holds."
        case Policy.REVOKE:
            when = "" if grace is None else f" for longer than {length_text(grace)}"
            what = "this no longer holds" if grace is None else "this does not hold"
            return f"It is taken back when {what}{when}, and given back when it holds again."
        case _:
            assert_never(policy)


def _validity(policy: Policy, validity: Validity | None) -> str:
    if validity is None:
        return ""
    is_for_once = policy is Policy.KEEP or isinstance(validity, UntilDay)
    again = "" if is_for_once else ", and is earned again by whoever loses this and meets it anew"
    return f"It is valid {validity_words(validity)}{again}."


def _opening(needs: Requirement) -> str:
    return f"{needs.text}:" if needs.parts else f"{needs.text}."


def _listed(needs: Requirement, indent: str) -> list[str]:
    lines: list[str] = []
    for part in needs.parts:
        lines.append(f"{indent}- {part.text}{':' if part.parts else ''}")
        lines += _listed(part, indent + INDENT)
    return lines
