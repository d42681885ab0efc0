"""Erasure: removing all that is known of a learner, and knowing them again without knowing who they were."""

from hashlib import sha256
from hmac import digest

from rules.awards import Erased, Erasure, award_id
from rules.keys import AwardId, LearnerKey, key, parts, prefix
from rules.known import Agenda, Clock, Control, Erasing, Known, KnownOfCertificates
from rules.ledger import Ledger
from rules.telling import forget


def is_erased(clock: Clock, who: LearnerKey) -> bool:
    """Whether a learner was erased: nothing that is said of them is taken in any more."""
    return bool(clock.hash_key) and clock.control.get(_place(clock, who)) is not None


def erase(known: Known, erasure: Erasure) -> None:
    """
    Remove all that is known of a learner, have it taken back wherever it was told, and let nothing of them in again.

    The key of the first erasure is the one that the partition makes its hashes with from then on. To do it again
    changes nothing.
    """
    who, clock = LearnerKey(erasure.tenant, erasure.learner), known.clock
    clock.keep_hash_key(erasure.hash_key)
    if not is_erased(clock, who):
        note = Erasing(erased_at=erasure.received_at, who=erasure.who, why=erasure.why)
        clock.control.put(_place(clock, who), Control(erasing=note))
    _remove(known, who)
    known.decisions.names_gone[who] = None
    known.decisions.held.append(Erased(tenant=who.tenant, learner=who.learner, received_at=known.clock.time))


def erase_certificates(known: KnownOfCertificates, erased: Erased) -> None:
    """The same for what the certificates agent knows. Progress tells it nothing more of them, so it keeps no note."""
    who = LearnerKey(erased.tenant, erased.learner)
    ledger = known.ledger.get(str(who)) or Ledger()
    known.decisions.awards_gone += _told(who, ledger)
    known.decisions.standings.update({(who, credential): None for credential in ledger.entries})
    known.ledger.delete(str(who))
    known.held.delete(str(who))
    _forget_due(known.agenda, who)


def _remove(known: Known, who: LearnerKey) -> None:
    # Who has acts and no facts is in no course, and that is one too.
    courses = {""}
    for place, _ in list(known.facts.scan(prefix(*who))):
        courses.add(parts(place)[2])
        known.facts.delete(place)
    for course in sorted(courses):
        known.enrolled.delete(key(who.tenant, course, who.learner))
    for place, _ in list(known.progress.scan(prefix(*who))):
        known.progress.delete(place)
    forget(known, who)
    known.decisions.awards_gone += _told(who, known.ledger.get(str(who)) or Ledger())
    known.ledger.delete(str(who))
    _forget_due(known.agenda, who)


def _told(who: LearnerKey, ledger: Ledger) -> list[tuple[LearnerKey, AwardId]]:
    """The awards of which anything was ever said; of acts about certificates progress has said nothing."""
    return [(who, award_id(who, credential)) for credential, entry in ledger.entries.items() if entry.revision]


def _forget_due(agenda: Agenda, who: LearnerKey) -> None:
    """Take a learner off the agenda. It is in the order of time, so all of it is looked through."""
    for place, _ in list(agenda.due.scan("")):
        if place.endswith(f"/{who}"):
            agenda.due.delete(place)


def _place(clock: Clock, who: LearnerKey) -> str:
    """Where it is noted that a learner was erased: under a hash that nobody can make without the key."""
    return key("erased", digest(clock.hash_key, str(who).encode(), sha256).hex())
