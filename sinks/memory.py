"""The sink in memory: PostgreSQL's twin for tests and play, held to the same contract."""

from collections.abc import Sequence
from typing import assert_never

import msgspec

from rules.awards import Award, Standing
from rules.facts import Profile
from rules.keys import AwardId, CredentialId, LearnerId, LearnerKey, TenantId
from rules.ledger import Status
from sinks.sink import (
    AwardGone,
    Item,
    ProfileGone,
    Refused,
    SinkUnavailable,
    StandingGone,
    StandingKey,
    follows,
    is_newer,
    supersedes,
)

# What 0001_awards.sql allows an index to hold for one row.
_KEY_BYTES = 2_000


class MemorySink:
    """Keeps everything in dictionaries; `available` set to false makes it go away."""

    def __init__(self) -> None:
        self.available = True
        self.awards: dict[AwardId, Award] = {}
        self.standings: dict[StandingKey, Standing] = {}
        self.people: dict[LearnerKey, Profile] = {}

    async def write(self, items: Sequence[Item]) -> list[Refused]:
        """Write a batch; see `AwardSink`."""
        self._check_available()
        refused = []
        for item in items:
            reason = _refusal(item)
            if reason is None:
                self._keep(item)
            else:
                refused.append(Refused(item=item, reason=reason))
        return refused

    async def ready(self) -> bool:
        """Say whether a write would find the sink there."""
        return self.available

    async def close(self) -> None:
        """Nothing is held open."""

    async def list_awards(
        self,
        *,
        tenant: TenantId | None = None,
        learner: LearnerId | None = None,
        credential: CredentialId | None = None,
        status: Status | None = None,
        limit: int,
    ) -> list[Award]:
        """The awards that match all that is given, the latest decided first."""
        self._check_available()
        found = [
            award
            for award in self.awards.values()
            if tenant in (None, award.tenant)
            and learner in (None, award.learner)
            and credential in (None, award.credential)
            and status in (None, award.status)
        ]
        return sorted(found, key=lambda award: (-award.decided_at, award.award_id))[:limit]

    async def find_award(self, award_id: AwardId) -> Award | None:
        """One award by its id."""
        self._check_available()
        return self.awards.get(award_id)

    async def find_person(self, tenant: TenantId, learner: LearnerId) -> Profile | None:
        """What a learner is called."""
        self._check_available()
        return self.people.get(LearnerKey(tenant, learner))

    async def list_standings(self, tenant: TenantId, learner: LearnerId) -> list[Standing]:
        """How far a learner is with each credential, by its id."""
        self._check_available()
        return [
            standing for (of, who, _), standing in sorted(self.standings.items()) if of == tenant and who == learner
        ]

    async def list_credentials(self, tenant: TenantId) -> list[CredentialId]:
        """The credentials that anyone was awarded, by their ids."""
        self._check_available()
        return sorted({award.credential for award in self.awards.values() if award.tenant == tenant})

    def _check_available(self) -> None:
        if not self.available:
            raise SinkUnavailable("The sink in memory is switched off.")

    def _keep(self, item: Item) -> None:
        match item:
            case Award():
                if supersedes(item, self.awards.get(item.award_id)):
                    self.awards[item.award_id] = item
            case AwardGone():
                self.awards.pop(item.award_id, None)
            case Standing():
                place = (item.tenant, item.learner, item.credential)
                if follows(item, self.standings.get(place)):
                    self.standings[place] = item
            case StandingGone():
                self.standings.pop((item.tenant, item.learner, item.credential), None)
            case Profile():
                who = LearnerKey(item.tenant, item.learner)
                if is_newer(item, self.people.get(who)):
                    self.people[who] = item
            case ProfileGone():
                self.people.pop(LearnerKey(item.tenant, item.learner), None)
            case _:
                assert_never(item)


def _refusal(item: Item) -> str | None:
    """What PostgreSQL would say against a row."""
    match item:
        case AwardGone() | StandingGone() | ProfileGone():
            indexed: tuple[str, ...] = ()
        case Award() | Standing():
            indexed = (item.tenant, item.learner, item.credential)
        case Profile():
            indexed = (item.tenant, item.learner)
        case _:
            assert_never(item)
    if rb"\u0000" in msgspec.json.encode(item):
        return "22021: text cannot hold the NUL character"
    if len("".join(indexed).encode()) > _KEY_BYTES:
        return f"23514: ids together are over {_KEY_BYTES} bytes"
    return None
