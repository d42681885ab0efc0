"""How ids become keys: every part percent-encoded, parts joined by `/`."""

from functools import lru_cache
from typing import NamedTuple, NewType
from urllib.parse import quote, unquote

TenantId = NewType("TenantId", str)
LearnerId = NewType("LearnerId", str)
CourseId = NewType("CourseId", str)
CredentialId = NewType("CredentialId", str)
ClauseId = NewType("ClauseId", str)
AwardId = NewType("AwardId", str)

# Microseconds since 1970-01-01T00:00:00Z: exact, ordered, and small on the wire (decision 0002).
Instant = NewType("Instant", int)


class LearnerKey(NamedTuple):
    """One learner of one tenant."""

    tenant: TenantId
    learner: LearnerId

    def __str__(self) -> str:
        return key(self.tenant, self.learner)


@lru_cache(maxsize=65_536)
def part(text: str) -> str:
    """Percent-encode one id, so that it cannot run together with its neighbours."""
    return quote(text, safe="")


def key(*parts: str) -> str:
    """
    Join ids to a key that no other ids give.

    Ids are often IRIs: unescaped, `u/1` would be a prefix of `u/1/staff` (DESIGN.md, "Laws").
    Raises UnicodeEncodeError for a lone surrogate; dialects refuse such ids before.
    """
    return "/".join(map(part, parts))


def prefix(*parts: str) -> str:
    """Name the beginning that all keys below these parts share."""
    return key(*parts) + "/"


def parts(text: str) -> list[str]:
    """The ids that a key was made of."""
    return [unquote(found) for found in text.split("/")]
