"""How close a standing is to being earned, and what is missing on the shortest way there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from rules.awards import CredentialKind, Standing
from rules.criteria import Badges, Node
from rules.ledger import Status

# Closeness in whole hundredths of a percent, as scores are (decision 0002); only what is met has all of them.
WHOLE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A credential that is not earned yet: how close it is (hundredths of a percent), and what is missing."""

    standing: Standing
    closeness: int
    missing: tuple[Node, ...]


def closeness(node: Node) -> int:
    """
    How much of a condition is there, in hundredths of a percent: 10,000 exactly when it is met.

    A condition of one thing has its share of what it needs. A group has the mean of the best parts that it needs:
    `all` of every part, `any` of the best one, `at_least` n of the n best. Rounded down.
    """
    return int(_share(node) * WHOLE)


def missing(node: Node) -> tuple[Node, ...]:
    """
    What is missing on the shortest way: the conditions of one thing that have to be met, in their order.

    Of a group, only as many of its parts as it needs more, the closest of them.
    """
    if node.met:
        return ()
    unmet = [at for at, part in enumerate(node.parts) if not part.met]
    wanted = node.need - (len(node.parts) - len(unmet))
    # What is not met with all its parts met (such as what must not be) is missing as a whole.
    if wanted <= 0 or not unmet:
        return (node,)
    chosen = sorted(unmet, key=lambda at: (-_share(node.parts[at]), at))[:wanted]
    return tuple(found for at in sorted(chosen) for found in missing(node.parts[at]))


def nearest_first(standings: Iterable[Standing]) -> list[Near]:
    """
    The credentials of one learner that can still be earned, the closest first; where equal, the fewest conditions.

    Left out: what is held, what is met and yet not held (as after a revocation by hand), what nothing was done for,
    and milestones, which are shown inside what counts them.
    """
    found = [
        Near(standing=one, closeness=closeness(one.progress), missing=missing(one.progress))
        for one in with_milestones(standings)
        if one.status is not Status.AWARDED
    ]
    begun = [near for near in found if 0 < near.closeness < WHOLE]
    return sorted(begun, key=lambda near: (-near.closeness, len(near.missing), near.standing.credential))


def with_milestones(standings: Iterable[Standing]) -> list[Standing]:
    """The standings that are shown, with what each milestone takes in the place where it is counted."""
    known = list(standings)
    # A criterion that was lifted out of a certificate stands in it as the one badge of a count of one.
    lifted = {
        Badges(at_least=1, of=(one.credential,)).text: one.progress
        for one in known
        if one.kind is CredentialKind.MILESTONE
    }
    return [
        replace(one, progress=_with_lifted(one.progress, lifted))
        for one in known
        if one.kind is not CredentialKind.MILESTONE
    ]


def _with_lifted(node: Node, lifted: dict[str, Node]) -> Node:
    if node.unit == "badges" and node.clause in lifted:
        # Whether it counts is what the certificate says; what it takes, the milestone.
        return lifted[node.clause]._replace(met=node.met)
    return node._replace(parts=tuple(_with_lifted(part, lifted) for part in node.parts)) if node.parts else node


def _share(node: Node) -> Fraction:
    if node.met:
        return Fraction(1)
    best = sorted((_share(part) for part in node.parts), reverse=True)[: max(node.need, 1)]
    if best and (mean := _mean(best)) < 1:
        return mean
    if node.parts or node.have <= 0 or node.need <= 0:
        return Fraction(0)
    # All that is counted is there and still it is not met, as with topics by exemption alone: one more is wanted.
    return Fraction(node.have, node.need) if node.have < node.need else Fraction(node.need, node.need + 1)


def _mean(shares: Sequence[Fraction]) -> Fraction:
    return sum(shares, Fraction(0)) / len(shares)
