"""What every sink promises: a batch goes in, refused rows come out, an outage is said as such."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from rules.awards import Award, Standing
from rules.facts import Profile
from rules.keys import AwardId, CredentialId, LearnerId, LearnerKey, TenantId


class SinkUnavailable(RuntimeError):  # noqa: N818 - one of the three outcomes, by its name
    """The sink cannot be reached now: wait, try again, keep the order. The message holds no password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardGone:
    """An award was erased: the tombstone of its key."""

    tenant: TenantId
    learner: LearnerId
    award_id: AwardId


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingGone:
    """Nothing is told any more of a learner and a credential: the tombstone of their key."""

    tenant: TenantId
    learner: LearnerId
    credential: CredentialId


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileGone:
    """A learner's names were erased: the tombstone of their key."""

    tenant: TenantId
    learner: LearnerId


Item: TypeAlias = Award | AwardGone | Standing | StandingGone | Profile | ProfileGone
StandingKey: TypeAlias = tuple[TenantId, LearnerId, CredentialId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One row that the sink will never take, and why; `item` is the very object that was given."""

    item: Item
    reason: str


class AwardSink(Protocol):
    """
    Where awards end.

    `write` takes one batch and may be given any of it again, also long after: the highest revision of an award
    wins, the newest of a learner's names, and of standings the latest `decided_at`, in order where those are equal.
    It raises SinkUnavailable when the sink cannot be reached; then nothing or a part is written, and all of it may
    be sent again. A row that the sink refuses is answered and the others are written.
    """

    async def write(self, items: Sequence[Item]) -> list[Refused]: ...


@dataclass(slots=True, kw_only=True)
class Folded:
    """A batch as what is left of it: at most one value for each key, and the keys that went in between."""

    awards: dict[AwardId, Award] = field(default_factory=dict)
    awards_gone: set[AwardId] = field(default_factory=set)
    standings: dict[StandingKey, Standing] = field(default_factory=dict)
    standings_gone: set[StandingKey] = field(default_factory=set)
    people: dict[LearnerKey, Profile] = field(default_factory=dict)
    people_gone: set[LearnerKey] = field(default_factory=set)


def fold(items: Iterable[Item]) -> Folded:
    """
    Fold a batch by key, so that a sink deletes what went and then writes what stands, in one step each.

    A tombstone parts what came before from what comes after, whatever their revisions.
    """
    folded = Folded()
    for item in items:
        match item:
            case Award():
                if supersedes(item, folded.awards.get(item.award_id)):
                    folded.awards[item.award_id] = item
            case AwardGone():
                folded.awards.pop(item.award_id, None)
                folded.awards_gone.add(item.award_id)
            case Standing():
                place = (item.tenant, item.learner, item.credential)
                if follows(item, folded.standings.get(place)):
                    folded.standings[place] = item
            case StandingGone():
                place = (item.tenant, item.learner, item.credential)
                folded.standings.pop(place, None)
                folded.standings_gone.add(place)
            case Profile():
                who = LearnerKey(item.tenant, item.learner)
                if is_newer(item, folded.people.get(who)):
                    folded.people[who] = item
            case ProfileGone():
                who = LearnerKey(item.tenant, item.learner)
                folded.people.pop(who, None)
                folded.people_gone.add(who)
    return folded


def supersedes(award: Award, known: Award | None) -> bool:
    """Say whether this revision is above what is known; the same revision says the same."""
    return known is None or known.revision < award.revision


def follows(standing: Standing, known: Standing | None) -> bool:
    """Say whether a standing is the later; at one moment, whichever comes later in its topic."""
    return known is None or known.decided_at <= standing.decided_at


def is_newer(profile: Profile, known: Profile | None) -> bool:
    """Say whether these are the newer names; the event's id breaks a tie."""
    return known is None or (known.occurred_at, known.event_id) < (profile.occurred_at, profile.event_id)
