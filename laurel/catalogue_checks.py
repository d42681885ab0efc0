"""What a catalogue must keep to beyond its shape: ids that exist, counts that can be reached, no rings."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from laurel.faults import Fault, Steps, nearest, show
from laurel.located import Document, Plain
from sinks import replace_strings
from sinks.certificates import template_names

MAX_RINGS: Final = 20  # told at once
_GROUPS: Final = ("all", "any")


# Replace strings that belong to one course: no certificate of today has just one.
NAMES_WITHOUT_VALUE: Final = ("Grade", "CourseName")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A criterion as it stands in the file, whatever else may be wrong around it."""

    kind: str
    body: Plain
    path: Steps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A credential as it stands in the file."""

    id: str
    kind: str
    path: Steps
    criteria_as_written: Plain
    criteria: tuple[_Found, ...]

    def counted(self) -> Iterator[tuple[str, Steps]]:
        """The badges that it names, and where."""
        for found in self.criteria:
            if found.kind == "badges":
                yield from _texts(found.body, "of", found.path)


def catalogue_faults(document: Document) -> list[Fault]:
    """
    Check a catalogue's meaning, also where its shape is faulty: all faults are told at once.

    Hence this looks at plain values, and passes over what the shape's own faults are about.
    """
    entries = list(_entries(document.data))
    checks: tuple[Callable[[Document, list[_Entry]], Iterator[Fault]], ...] = (
        _no_credentials,
        _repeated_ids,
        _empty_or_out_of_reach,
        _earned_by_everyone,
        _repeated_parts,
        _unknown_courses,
        _unknown_badges,
        _certificate_designs,
        _rings,
        _unreachable,
    )
    return [fault for check in checks for fault in check(document, entries)]


def _entries(data: Plain) -> Iterator[_Entry]:
    credentials = data.get("credentials") if isinstance(data, dict) else None
    for at, credential in enumerate(credentials if isinstance(credentials, list) else []):
        if isinstance(credential, dict):
            path: Steps = ("credentials", at)
            yield _Entry(
                id=_text(credential.get("id")),
                kind=_text(credential.get("kind")),
                path=path,
                criteria_as_written=credential.get("criteria"),
                criteria=tuple(_criteria(credential.get("criteria"), (*path, "criteria"))),
            )


def _criteria(criterion: Plain, path: Steps) -> Iterator[_Found]:
    """Every criterion that can be recognised, outer before inner."""
    match criterion:
        case {"of": list(parts)}:
            yield _Found(kind="at_least", body=criterion, path=path)
            yield from _inner(parts, (*path, "of"))
        case dict() if len(criterion) == 1:
            ((kind, body),) = criterion.items()
            yield _Found(kind=kind, body=body, path=(*path, kind))
            if kind in _GROUPS and isinstance(body, list):
                yield from _inner(body, (*path, kind))
            elif kind == "not":
                yield from _criteria(body, (*path, kind))
            elif kind == "before" and isinstance(body, dict):
                yield from _criteria(body.get("of"), (*path, kind, "of"))


def _inner(parts: list[Plain], path: Steps) -> Iterator[_Found]:
    for at, part in enumerate(parts):
        yield from _criteria(part, (*path, at))


def _texts(body: Plain, key: str, path: Steps) -> Iterator[tuple[str, Steps]]:
    listed = body.get(key) if isinstance(body, dict) else None
    for at, text in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(text, str):
            yield text, (*path, key, at)


def _text(value: Plain) -> str:
    return value if isinstance(value, str) else ""


def _no_credentials(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    if not entries and document.value(("credentials",)) == []:
        yield document.fault(("credentials",), "The catalogue has no credentials.", "Describe at least one.")


def _repeated_ids(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    first: dict[str, Fault] = {}
    for entry in entries:
        place = document.fault((*entry.path, "id"), "", "")
        if entry.id and first.setdefault(entry.id, place) is not place:
            problem = f"The id {show(entry.id)} is here a second time."
            yield document.fault((*entry.path, "id"), problem, f"Choose another; line {first[entry.id].line} has it.")


def _empty_or_out_of_reach(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    for entry in entries:
        for found in entry.criteria:
            yield from _group_faults(document, entry, found)


def _group_faults(document: Document, entry: _Entry, found: _Found) -> Iterator[Fault]:
    match found:
        case _Found(kind="all" | "any", body=[]):
            yield _empty(document, entry, found.path, "criteria")
        case _Found(kind="at_least", body={"of": list(parts)}):
            yield from _count_faults(document, entry, found, len(parts), "criteria")
        case _Found(kind="badges", body={"of": list(parts)}):
            yield from _count_faults(document, entry, found, _distinct(parts), "badges")
        case _Found(kind="topics_completed", body={"topics": []}):
            yield _empty(document, entry, (*found.path, "topics"), "topics")


def _earned_by_everyone(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    for entry in entries:
        if _holds_of_nobody(entry.criteria_as_written):
            problem = f"`not` holds of whoever has done nothing, and so everyone would earn {show(entry.id)}."
            cure = "Put it under `all:`, beside a criterion that a learner has to meet."
            yield document.fault((*entry.path, "criteria"), problem, cure, at_key=True)


def _holds_of_nobody(criterion: Plain) -> bool:
    """Whether it holds of one of whom nothing was said; empty lists and counts below 1 have faults of their own."""
    match criterion:
        case {"all": list(parts)}:
            return bool(parts) and all(_holds_of_nobody(part) for part in parts)
        case {"any": list(parts)}:
            return any(_holds_of_nobody(part) for part in parts)
        case {"at_least": int(count), "of": list(parts)} if count > 0:
            return sum(_holds_of_nobody(part) for part in parts) >= count
        case {"not": dict(part)} if len(part) > 0:
            return not _holds_of_nobody(part)
        case {"before": {"of": dict(part)}}:
            return _holds_of_nobody(part)
        case _:
            return False


def _count_faults(document: Document, entry: _Entry, found: _Found, parts: int, what: str) -> Iterator[Fault]:
    if parts == 0:
        yield _empty(document, entry, (*found.path, "of"), what)
        return
    count = found.body.get("at_least") if isinstance(found.body, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return
    path = (*found.path, "at_least")
    if count < 1:
        problem = f"{show(entry.id)} asks for {count} of {parts} {what}, and so everyone would earn it."
        yield document.fault(path, problem, "Ask for 1." if parts == 1 else f"Ask for 1 to {parts}.")
    elif count > parts:
        problem = f"{show(entry.id)} asks for {count} of {parts} {what}, and so nobody could earn it."
        yield document.fault(path, problem, f"Ask for at most {parts}, or list more.")


def _empty(document: Document, entry: _Entry, path: Steps, what: str) -> Fault:
    outcome = "nobody could ever earn" if path[-1] == "any" else "everyone would earn"
    problem = f"An empty list of {what}: {outcome} {show(entry.id)}."
    return document.fault(path, problem, f"List at least one of the {what}, or remove the condition.")


def _distinct(parts: list[Plain]) -> int:
    return len({str(part) for part in parts})


def _repeated_parts(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    lists = {"badges": "of", "topics_completed": "topics"}
    for found in [found for entry in entries for found in entry.criteria if found.kind in lists]:
        texts = list(_texts(found.body, lists[found.kind], found.path))
        counts: Counter[str] = Counter()
        for text, path in texts:
            counts[text] += 1
            if counts[text] == 2:
                yield document.fault(path, f"{show(text)} is listed twice, and counts once.", "Remove one of them.")


def _unknown_courses(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    courses = document.value(("courses",))
    known = courses if isinstance(courses, dict) else {}
    for found in [found for entry in entries for found in entry.criteria]:
        course = found.body.get("course") if isinstance(found.body, dict) else None
        if isinstance(course, str) and course not in known:
            cure = _did_you_mean(course, known, f"Add it under `courses`: `{course}: {{name: …}}`.")
            yield document.fault((*found.path, "course"), f"There is no course {show(course)} in `courses`.", cure)


def _unknown_badges(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    kinds = {entry.id: entry.kind for entry in reversed(entries)}
    badges = {entry.id: None for entry in entries if entry.kind != "certificate"}
    for badge, path in [named for entry in entries for named in entry.counted()]:
        if badge not in kinds:
            cure = _did_you_mean(badge, badges, "Describe it as a badge or a milestone, or remove it here.")
            yield document.fault(path, f"There is no badge {show(badge)} in this catalogue.", cure)
        elif kinds[badge] == "certificate":
            cure = "Count the badges that it is built of, or make it a badge."
            yield document.fault(path, f"{show(badge)} is a certificate, and only badges can be counted.", cure)


def _did_you_mean(word: str, known: Mapping[str, Any], otherwise: str) -> str:
    closest = nearest(word, known)
    return f"Did you mean {show(closest)}?" if closest else otherwise


def _certificate_designs(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    for entry in entries:
        design = document.value((*entry.path, "certificate"))
        path = (*entry.path, "certificate")
        if design is not None and entry.kind in {"badge", "milestone"}:
            problem = f"{show(entry.id)} is a {entry.kind}, and only a certificate has a `certificate` block."
            cure = "Remove the block, or write `kind: certificate`."
            yield document.fault(path, problem, cure, at_key=True)
        match design:
            case {"template": str(template)} if template not in template_names():
                cure = _did_you_mean(
                    template, dict.fromkeys(template_names()), f"There is {', '.join(template_names())}."
                )
                yield document.fault((*path, "template"), f"There is no template {show(template)}.", cure)
        match design:
            case {"text": str(text)}:
                for sentence in replace_strings.faults(text):
                    problem, _, cure = sentence.partition("; ")
                    yield document.fault((*path, "text"), f"{problem}.", f"{cure[:1].upper()}{cure[1:]}")
                for name in [name for name in NAMES_WITHOUT_VALUE if f"{{{name}}}" in text]:
                    problem = f"{{{name}}} has no value on a certificate, which is built of several badges."
                    yield document.fault((*path, "text"), problem, "Remove it, or write {Badges}.")


def _rings(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    by_id = {entry.id: entry for entry in reversed(entries)}
    for ring in _all_rings(entries):
        path = next(path for badge, path in by_id[ring[0]].counted() if badge == ring[1])
        if len(ring) == 2:
            yield document.fault(path, f"{show(ring[0])} counts itself.", "Remove it here.")
        else:
            problem = f"Credentials count each other in a ring: {' → '.join(ring)}."
            yield document.fault(path, problem, "Take one of them out of another's list.")


def _all_rings(entries: list[_Entry]) -> list[list[str]]:
    """Rings of badges, each from the one that stands first in the file; when one is found, its first link is cut."""
    order = {entry.id: at for at, entry in reversed(list(enumerate(entries)))}
    builds_on = {
        entry.id: [badge for badge, _ in entry.counted() if badge in order]
        for entry in reversed(entries)
        if entry.kind != "certificate"  # what counts a certificate has a fault of its own
    }
    rings: list[list[str]] = []
    while len(rings) < MAX_RINGS:
        try:
            TopologicalSorter(builds_on).prepare()
        except CycleError as error:
            ring = error.args[1][:0:-1]  # graphlib names what is built on first, and the first again at the end
            at = min(range(len(ring)), key=lambda place: order[ring[place]])
            ring = [*ring[at:], *ring[:at], ring[at]]
            rings.append(ring)
            builds_on[ring[0]] = [badge for badge in builds_on[ring[0]] if badge != ring[1]]
        else:
            break
    return rings


def _unreachable(document: Document, entries: list[_Entry]) -> Iterator[Fault]:
    """A credential that is sound in itself, and counts on what nobody can earn."""
    by_id = {entry.id: entry for entry in reversed(entries)}
    told = {member for ring in _all_rings(entries) for member in ring}
    reachable = _reachable(by_id)
    for entry in by_id.values():
        if entry.id in reachable | told or not _can_hold(entry.criteria_as_written, set(by_id), by_id):
            continue
        for badge, path in entry.counted():
            if badge in by_id and badge not in reachable:
                problem = f"Nobody could earn {show(entry.id)}, since nobody could earn {show(badge)}."
                yield document.fault(path, problem, f"Mend {show(badge)} first, or remove it here.")


def _reachable(by_id: Mapping[str, _Entry]) -> set[str]:
    """
    The credentials that somebody can earn.

    What cannot be read, or is not in the catalogue, counts as reachable: its own fault says enough.
    """
    reachable: set[str] = set()
    users: dict[str, set[str]] = {}
    for entry in by_id.values():
        for badge, _ in entry.counted():
            users.setdefault(badge, set()).add(entry.id)
    look_at = list(by_id)
    while look_at:
        name = look_at.pop()
        if name not in reachable and _can_hold(by_id[name].criteria_as_written, reachable, by_id):
            reachable.add(name)
            look_at += [user for user in users.get(name, ()) if user not in reachable]
    return reachable


def _can_hold(criterion: Plain, reachable: set[str], by_id: Mapping[str, _Entry]) -> bool:
    match criterion:
        case {"all": list(parts)}:
            return all(_can_hold(part, reachable, by_id) for part in parts)
        case {"any": list(parts)}:
            return any(_can_hold(part, reachable, by_id) for part in parts)
        case {"at_least": int(count), "of": list(parts)}:
            return sum(_can_hold(part, reachable, by_id) for part in parts) >= count
        case {"before": {"of": dict(part)}}:
            return _can_hold(part, reachable, by_id)
        case {"badges": {"at_least": int(count), "of": list(badges)}}:
            return sum(_can_be_held(badge, reachable, by_id) for badge in badges) >= count
        case {"badges": {"of": list(badges)}}:
            return all(_can_be_held(badge, reachable, by_id) for badge in badges)
        case _:
            return True


def _can_be_held(badge: Plain, reachable: set[str], by_id: Mapping[str, _Entry]) -> bool:
    return not isinstance(badge, str) or badge not in by_id or badge in reachable
