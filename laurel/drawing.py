"""Drawing a certificate on demand: the award, the learner's names and the catalogue, put together."""

from datetime import UTC, datetime, timedelta

from rules.awards import Award, CredentialKind, award_id
from rules.catalogue import Catalogue, Credential
from rules.criteria import Badges, leaves
from rules.facts import Profile
from rules.keys import CredentialId, Instant, LearnerKey
from rules.ledger import Status
from sinks.certificates import Certificate, render

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_TEXT = "This certifies that {FullName} has earned {CredentialName} on {AwardDate}."


class NotDrawable(ValueError):  # noqa: N818  # outcomes are named for what happened
    """There is no certificate to draw; the message says why."""


def draw(award: Award, person: Profile | None, catalogue: Catalogue, *, public_address: str, time_zone: str) -> bytes:
    """
    Draw the PDF of one award. A learner whose names are not known is called by their id.

    Raises NotDrawable for what is no certificate or not in force, and what `sinks.certificates.render` raises.
    """
    credential = next((found for found in catalogue.credentials if found.id == award.credential), None)
    if award.kind is not CredentialKind.CERTIFICATE:
        raise NotDrawable(f"`{award.credential}` is a {award.kind.value}; only certificates are drawn")
    if credential is None:
        raise NotDrawable(f"the catalogue of `{catalogue.tenant}` has no credential `{award.credential}` any more")
    if award.status is not Status.AWARDED or award.met_at is None:
        raise NotDrawable(f"certificate {award.award_id} is {award.status.value}; only one in force is drawn")
    return render(_certificate(award, person, catalogue, credential, public_address, time_zone))


def _certificate(  # leaf of `draw`
    award: Award, person: Profile | None, catalogue: Catalogue, credential: Credential, address: str, time_zone: str
) -> Certificate:
    design, met_at = credential.certificate, award.met_at or Instant(0)
    return Certificate(
        full_name=award.learner if person is None else person.full_name,
        first_name=None if person is None else person.first_name or None,
        last_name=None if person is None else person.last_name or None,
        credential_name=credential.name,
        awarded_at=moment(met_at),
        expires_at=None if award.expires_at is None else moment(award.expires_at),
        certificate_id=award.award_id,
        issuer_name=catalogue.issuer.name,
        badges=tuple(_badge_names(award, catalogue, credential)),
        verify_url=f"{address}/verify/{award.award_id}",
        text=DEFAULT_TEXT if design is None else design.text,
        template="classic" if design is None else design.template,
        time_zone=time_zone,
    )


def moment(instant: Instant) -> datetime:
    """An instant as an aware datetime, exact to the microsecond."""
    return EPOCH + timedelta(microseconds=instant)


def _badge_names(award: Award, catalogue: Catalogue, credential: Credential) -> list[str]:
    """The badges that the certificate stands on, by name."""
    names = {found.id: found.name for found in catalogue.credentials}
    who, awards = LearnerKey(award.tenant, award.learner), {a for e in award.evidence for a in e.awards}
    counted: list[CredentialId] = [
        b for leaf in leaves(credential.criteria) if isinstance(leaf, Badges) for b in leaf.of
    ]
    return [names[badge] for badge in dict.fromkeys(counted) if badge in names and award_id(who, badge) in awards]
