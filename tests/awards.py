"""Awards, standings and profiles for tests: plain ones by name, and any that can be."""

from hypothesis import strategies as st

from rules.awards import Award, CredentialKind, Reason, Standing, award_id
from rules.criteria import Evidence, Node
from rules.facts import Profile
from rules.keys import CredentialId, Instant, LearnerId, LearnerKey, TenantId
from rules.ledger import Status

TENANT = TenantId("t1")
BADGE = CredentialId("data-literacy")
# 2026-03-01T12:00:00.000001Z
THEN = Instant(1_772_366_400_000_001)
FIRST, LAST = Instant(-62_135_596_800_000_000), Instant(253_402_300_799_999_999)  # of the years 1 to 9999

instants = st.integers(FIRST, LAST).map(Instant)
texts = st.text(max_size=40)
# PostgreSQL has no NUL; what does with one is a test of its own.
plain_texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)


def award(
    learner: str = "u-17",
    *,
    credential: CredentialId = BADGE,
    tenant: TenantId = TENANT,
    occurrence: str = "",
    revision: int = 1,
    status: Status = Status.AWARDED,
    kind: CredentialKind = CredentialKind.BADGE,
    decided_at: Instant = THEN,
    met_at: Instant | None = THEN,
    evidence: tuple[Evidence, ...] = (Evidence("final_grade DATA101 ≥ 70", ("e-1",)),),
) -> Award:
    who = LearnerKey(tenant, LearnerId(learner))
    return Award(
        award_id=award_id(who, credential, occurrence),
        revision=revision,
        status=status,
        kind=kind,
        credential=credential,
        credential_version="sha256:1",
        tenant=tenant,
        learner=who.learner,
        occurrence=occurrence,
        met_at=met_at,
        expires_at=None,
        decided_at=decided_at,
        reason=Reason.MET,
        evidence=evidence,
    )


def standing(learner: str = "u-17", *, have: int = 6650, decided_at: Instant = THEN) -> Standing:
    grade = Node("final_grade DATA101 ≥ 70", have >= 7000, have, 7000, "percent", ("e-1",))
    return Standing(
        tenant=TENANT,
        learner=LearnerId(learner),
        credential=BADGE,
        credential_version="sha256:1",
        kind=CredentialKind.BADGE,
        status=None,
        progress=Node("all of", have >= 7000, int(have >= 7000), 1, "conditions", (), (grade,)),
        decided_at=decided_at,
    )


def profile(
    learner: str = "u-17", *, full_name: str = "Ada Lovelace", occurred_at: Instant = THEN, event_id: str = "e-1"
) -> Profile:
    return Profile(
        tenant=TENANT, learner=LearnerId(learner), full_name=full_name, occurred_at=occurred_at, event_id=event_id
    )


def evidences(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Evidence]:
    some = st.lists(text, max_size=3).map(tuple)
    return st.builds(Evidence, text, some, some)


def nodes(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Node]:
    def node(parts: st.SearchStrategy[Node] | None) -> st.SearchStrategy[Node]:
        number = st.integers(0, 1_000_000)
        unit = st.sampled_from(["percent", "topics", "badges", "conditions"])
        below = st.just(()) if parts is None else st.lists(parts, max_size=3).map(tuple)
        few = st.lists(text, max_size=3).map(tuple)
        return st.builds(Node, text, st.booleans(), number, number, unit, few, below, few)

    return st.recursive(node(None), node, max_leaves=5)


def awards(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Award]:
    return st.builds(
        Award,
        award_id=st.uuids().map(str),
        revision=st.integers(1, 2**31 - 1),
        status=st.sampled_from(Status),
        kind=st.sampled_from(CredentialKind),
        credential=text,
        credential_version=text,
        tenant=text,
        learner=text,
        occurrence=text,
        met_at=st.none() | instants,
        expires_at=st.none() | instants,
        decided_at=instants,
        reason=st.sampled_from(Reason),
        evidence=st.lists(evidences(text), max_size=4).map(tuple),
    )


def standings(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Standing]:
    return st.builds(
        Standing,
        tenant=text,
        learner=text,
        credential=text,
        credential_version=text,
        kind=st.sampled_from(CredentialKind),
        status=st.none() | st.sampled_from(Status),
        progress=nodes(text),
        decided_at=instants,
    )


def profiles(text: st.SearchStrategy[str] = texts) -> st.SearchStrategy[Profile]:
    return st.builds(
        Profile,
        tenant=text,
        learner=text,
        full_name=text,
        first_name=text,
        last_name=text,
        language=text,
        email_sha256=text,
        occurred_at=instants,
        event_id=text,
    )
