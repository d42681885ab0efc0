"""Why a learner has a credential or not, and which are near: asked of what a sink holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rules.awards import Award, Standing
from rules.closeness import Near, closeness, missing, nearest_first, with_milestones
from rules.criteria import Node
from rules.facts import Profile
from rules.keys import AwardId, CredentialId, LearnerId, TenantId

# Far more awards than one learner has; beyond it the badges behind a certificate may go unnamed.
MAX_AWARDS = 10_000


class Readable(Protocol):
    """What is asked of a sink."""

    async def list_awards(
        self, *, tenant: TenantId | None = None, learner: LearnerId | None = None, limit: int
    ) -> list[Award]: ...

    async def list_standings(self, tenant: TenantId, learner: LearnerId) -> list[Standing]: ...

    async def list_credentials(self, tenant: TenantId) -> list[CredentialId]: ...

    async def find_person(self, tenant: TenantId, learner: LearnerId) -> Profile | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """
    How a learner stands with one credential.

    `awards` are what was said of it, the latest first, one for each occurrence; `behind` the learner's awards that are
    named as what met a condition, by their ids. There is a standing, or an award, or both.
    """

    tenant: TenantId
    learner: LearnerId
    credential: CredentialId
    standing: Standing | None
    closeness: int
    missing: tuple[Node, ...]
    awards: tuple[Award, ...]
    behind: dict[AwardId, Award]


class UnknownLearner(LookupError):  # noqa: N818  # named for what happened, as the other outcomes are
    """Nothing is known of a learner: neither names nor standings nor awards."""


class UnknownCredential(LookupError):  # noqa: N818  # as above
    """Nobody has a credential of this id, and the learner no standing with it; `known` are the ids that are there."""

    def __init__(self, credential: CredentialId, known: Sequence[CredentialId]) -> None:
        self.credential, self.known = credential, known
        super().__init__(credential)


class NothingKnown(LookupError):  # noqa: N818  # as above
    """The credential is there, and of this learner nothing was heard yet that it asks about."""


async def why(
    sink: Readable,
    tenant: TenantId,
    learner: LearnerId,
    credential: CredentialId,
    *,
    listed: Sequence[CredentialId] = (),
) -> Why:
    """
    Why a learner has a credential, or has it not; `listed` are the ids that the catalogue has, where it is known.

    Raises UnknownLearner, UnknownCredential or NothingKnown, and what the sink raises.
    """
    standings, awards = await _known(sink, tenant, learner)
    standing = next((one for one in with_milestones(standings) if one.credential == credential), None)
    said = tuple(award for award in awards if award.credential == credential)
    if standing is None and not said:
        known = {*listed, *await sink.list_credentials(tenant), *[one.credential for one in standings]}
        if credential in known:
            raise NothingKnown(credential)
        raise UnknownCredential(credential, sorted(known))
    named = set(_awards_of(standing.progress)) if standing is not None else set()
    named |= {award_id for award in said for evidence in award.evidence for award_id in evidence.awards}
    return Why(
        tenant=tenant,
        learner=learner,
        credential=credential,
        standing=standing,
        closeness=0 if standing is None else closeness(standing.progress),
        missing=() if standing is None else missing(standing.progress),
        awards=said,
        behind={award.award_id: award for award in awards if award.award_id in named},
    )


async def near(sink: Readable, tenant: TenantId, learner: LearnerId) -> list[Near]:
    """The credentials closest to being earned, best first. Raises UnknownLearner, and what the sink raises."""
    standings, _ = await _known(sink, tenant, learner)
    return nearest_first(standings)


async def _known(sink: Readable, tenant: TenantId, learner: LearnerId) -> tuple[list[Standing], list[Award]]:
    standings = await sink.list_standings(tenant, learner)
    awards = await sink.list_awards(tenant=tenant, learner=learner, limit=MAX_AWARDS)
    if not standings and not awards and await sink.find_person(tenant, learner) is None:
        raise UnknownLearner(learner)
    return standings, awards


def _awards_of(node: Node) -> list[str]:
    return [*node.awards, *[found for part in node.parts for found in _awards_of(part)]]
