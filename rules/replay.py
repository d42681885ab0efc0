"""Judging without a broker: the agents' own functions over tables in memory, every decision taken at once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rules import certify, decide, telling
from rules.awards import Award, ByHand, Erasure, Standing
from rules.catalogue import Catalogue, dump_catalogue
from rules.entitlements import entitlements
from rules.facts import CourseFact, Fact
from rules.keys import CredentialId, Instant, LearnerId, LearnerKey, TenantId, parts
from rules.known import Decisions, Known, KnownOfCertificates, MemoryTable
from rules.policies import Entitlement

# How many learners a walk takes in one step; with one partition and no hurry any number would do.
STEP = 1_000

Entitlements: TypeAlias = dict[tuple[LearnerKey, CredentialId], Entitlement]


def _memory(_name: str) -> MemoryTable[Any]:
    return MemoryTable()


@dataclass(slots=True)
class Replay:
    """One partition of progress and one of certificates."""

    known: Known = field(default_factory=lambda: Known.of(_memory))
    of_certificates: KnownOfCertificates = field(default_factory=lambda: KnownOfCertificates.of(_memory))
    awards: list[Award] = field(default_factory=list)

    def catalogue(self, catalogue: Catalogue, time: Instant) -> None:
        """Put a catalogue in force, and walk all learners."""
        document = dump_catalogue(catalogue)
        decide.decide_catalogue(self.known, document, time)
        certify.decide_catalogue(self.of_certificates, document, time)
        self._settle()

    def facts(self, facts: Iterable[Fact | CourseFact]) -> None:
        """Take in facts in their order, each with the walk that it causes."""
        for fact in facts:
            if isinstance(fact, Fact):
                decide.decide_fact(self.known, fact)
            else:
                decide.decide_course_fact(self.known, fact)
            self._settle()

    def by_hand(self, done: ByHand) -> None:
        """Take in what a person did."""
        decide.decide_by_hand(self.known, done)
        self._settle()

    def erase(self, erasure: Erasure) -> None:
        """Remove all that is known of a learner."""
        decide.decide_erasure(self.known, erasure)
        self._settle()

    def advance(self, time: Instant) -> None:
        """Let it be that time."""
        decide.advance(self.known, time)
        certify.advance(self.of_certificates, time)
        self._settle()

    def entitlements(self, tenant: TenantId) -> Entitlements:
        """What is due to everyone by the facts alone."""
        rulebook = self.known.clock.rulebook(tenant)
        found: Entitlements = {}
        for place, ledger in self.known.ledger.scan("") if rulebook is not None else ():
            who = LearnerKey(*_learner(place))
            if rulebook is not None and who.tenant == tenant:
                due = entitlements(rulebook, who, ledger.clauses)
                found.update({(who, credential): entitlement for credential, entitlement in due.items()})
        return found

    def in_force(self) -> dict[str, Award]:
        """The last that was said of each award, by its id."""
        return {award.award_id: award for award in self.awards}

    def standings(self) -> list[Standing]:
        """How far everyone is with everything that anything is known of."""
        badges = [telling.standing(self.known, *told) for told in self.known.decisions.standings]
        certificates = [certify.standing(self.of_certificates, *t) for t in self.of_certificates.decisions.standings]
        return [standing for standing in (*badges, *certificates) if standing is not None]

    def _settle(self) -> None:
        while decide.is_behind(self.known):
            decide.look_on(self.known, STEP)
        while under_way := decide.walks(self.known):
            for place, walk in under_way:
                decide.walk_on(self.known, place, walk, STEP)
        held = self.known.decisions.held
        self.known.decisions = self._taken(self.known.decisions)
        for one in held:
            certify.decide_told(self.of_certificates, one)
        while certify.is_behind(self.of_certificates):
            certify.look_on(self.of_certificates, STEP)
        self.of_certificates.decisions = self._taken(self.of_certificates.decisions)

    def _taken(self, decisions: Decisions) -> Decisions:
        self.awards.extend(decisions.awards)
        gone = {award for _, award in decisions.awards_gone}
        self.awards = [award for award in self.awards if award.award_id not in gone]
        return Decisions(standings=decisions.standings)


def _learner(place: str) -> tuple[TenantId, LearnerId]:
    tenant, learner = parts(place)
    return TenantId(tenant), LearnerId(learner)
