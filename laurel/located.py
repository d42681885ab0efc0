"""YAML with places: a file becomes plain values, and whatever is wrong with one of them knows its line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from laurel.faults import Fault, FileFaults, Steps, show, show_path, whole

__all__ = ["Document", "FileFaults", "Place", "Plain", "parse_document", "read_document"]

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_VALUES: Final = 500_000  # with every alias written out
MAX_DEPTH: Final = 60

Plain: TypeAlias = "bool | int | Decimal | str | list[Plain] | dict[str, Plain] | None"


class Place(NamedTuple):
    """Where a value begins; both count from 1."""

    line: int
    column: int


START: Final = Place(1, 1)


@dataclass(slots=True, kw_only=True)
class _Node:
    """A value in the file. `size` and `depth` are known once it is closed, and are of all that lies in it."""

    place: Place
    value: bool | int | Decimal | str | list["_Node"] | dict[str, "_Node"] | None = None
    text: str = ""
    keys: dict[str, Place] = field(default_factory=dict)
    size: int = 1
    depth: int = 1
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file says, as plain values, and the faults of its YAML."""

    file: str
    data: Plain
    faults: tuple[Fault, ...]
    root: _Node

    def value(self, path: Steps) -> Plain:
        """What stands at a path; none where nothing does."""
        found: Any = self.data
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found  # type: ignore[no-any-return]  # plain all the way down

    def text(self, path: Steps) -> str:
        """A scalar as the author wrote it."""
        return self._node(path)[0].text

    def fault(self, path: Steps, problem: str, cure: str, *, at_key: bool = False) -> Fault:
        """A fault at a path: at the value, or at its key; at what encloses it, if there is nothing."""
        node, key = self._node(path)
        place = (key or node.place) if at_key else node.place
        return Fault(
            file=self.file, line=place.line, column=place.column, path=show_path(path), problem=problem, cure=cure
        )

    def _node(self, path: Steps) -> tuple[_Node, Place | None]:
        node, key = self.root, None
        for step in path:
            value = node.value
            if isinstance(value, dict) and isinstance(step, str) and step in value:
                node, key = value[step], node.keys[step]
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                node, key = value[step], None
            else:
                break
        return node, key


def read_document(path: Path) -> Document:
    """Read a YAML file; JSON is YAML too. Raises FileFaults for what cannot be read on from."""
    file = str(path)
    try:
        if path.is_dir():
            raise whole(file, "This is a directory.", "Name the file in it.")
        if path.exists() and not path.is_file():
            raise whole(file, "This is not a file.", "Name a file that can be read from beginning to end.")
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise whole(file, "There is no such file.", "Check the path.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise whole(file, f"It cannot be read: {reason}.", "Make it readable for this user.") from None
    return parse_document(content, file)


def parse_document(content: bytes, file: str) -> Document:
    """Read YAML from bytes: UTF-8, one document, no tags. Raises FileFaults for what cannot be read on from."""
    builder = _Builder(file)
    text = _for_yaml(_decoded(content, file))
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except FileFaults:
        raise
    except YAMLError as error:
        raise FileFaults([*builder.faults, _syntax_fault(error, text, file)]) from None
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError, AssertionError):
        # The parser's own slips on text that is not YAML: `"\U99999999"` overflows in it, for one.
        raise FileFaults([*builder.faults, builder.fault_here("The YAML cannot be read after this.")]) from None
    if builder.root is None:
        raise whole(file, "The file is empty.", "Write at least what its documentation shows as a first example.")
    return Document(file=file, data=_plain(builder.root), faults=tuple(builder.faults), root=builder.root)


# Numbers that every reader of YAML and JSON takes for the same.
_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")
# What some reader of YAML 1.1 or 1.2 takes for a number: octal, hexadecimal, exponents, underscores.
_ODD_NUMBER: Final = re.compile(
    r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?|[-+]?0[xob][0-9a-fA-F_]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_NULLS: Final = frozenset(["", "~", "null", "Null", "NULL"])
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_UNSHOWABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


class _Builder:
    """Builds the tree from the parser's events, without recursion, so that no nesting can exhaust the stack."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.root: _Node | None = None
        self._stack: list[_Node] = []
        self._keys: list[tuple[str, Place] | None] = []  # of each open mapping: the key whose value comes next
        self._dropped: list[bool] = []  # of each open mapping: whether that value is left out
        self._anchors: dict[str, _Node] = {}
        self._place = START
        self._documents = 0

    def take(self, event: Any) -> None:
        self._place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise FileFaults([*self.faults, self.fault_here("A second document begins.", "Remove the `---`.")])
            case AliasEvent():
                self._add(self._aliased(event.anchor))
            case ScalarEvent():
                self._add(self._anchored(event, self._scalar(event)))
            case MappingStartEvent():
                self._open(event, {})
            case SequenceStartEvent():
                self._open(event, [])
            case CollectionEndEvent():
                self._close()

    def fault_here(self, problem: str, cure: str = "Check quotes and brackets from here on.") -> Fault:
        path = show_path(self._path())
        return Fault(
            file=self.file, line=self._place.line, column=self._place.column, path=path, problem=problem, cure=cure
        )

    def _path(self) -> Steps:
        path: list[str | int] = []
        keys = iter(self._keys)
        for node in self._stack:
            if isinstance(node.value, list):
                path.append(len(node.value))
            elif (key := next(keys)) is not None:
                path.append(key[0])
        return tuple(path)

    def _say(self, problem: str, cure: str) -> None:
        self.faults.append(self.fault_here(problem, cure))

    def _anchored(self, event: Any, node: _Node) -> _Node:
        if event.tag is not None:
            self._say(f"Tags such as {show(str(event.tag))} are not read.", "Leave the tag out.")
        if event.anchor is not None:
            self._anchors[str(event.anchor)] = node
        return node

    def _aliased(self, anchor: str) -> _Node:
        node = self._anchors.get(str(anchor))
        if node is None:
            self._say(f"Nothing above is marked &{anchor}.", f"Mark what *{anchor} stands for, or write it out.")
        elif node.is_open:
            self._say(f"*{anchor} stands inside what it stands for.", "Write out what is meant.")
        else:
            return node
        return _Node(place=self._place)

    def _scalar(self, event: Any) -> _Node:
        text = _with_joined_surrogates(str(event.value))
        if unshowable := _UNSHOWABLE.search(text):
            self._say(f"The text holds U+{ord(unshowable[0]):04X}, which cannot be shown.", "Take it out.")
            text = _UNSHOWABLE.sub("", text)
        if event.style is not None:
            return _Node(place=self._place, value=text, text=text)
        if text in _NULLS:
            # The mark of what is not there lies at whatever comes next.
            key = self._keys[-1] if self._stack and self._keys and isinstance(self._stack[-1].value, dict) else None
            return _Node(place=key[1] if key and not text else self._place, text=text)
        return _Node(place=self._place, value=self._resolved(text), text=text)

    def _resolved(self, text: str) -> bool | int | Decimal | str:
        if text in _BOOLS:
            return _BOOLS[text]
        if _NUMBER.fullmatch(text):
            return Decimal(text) if "." in text else int(text)
        if _ODD_NUMBER.fullmatch(text):
            self._say(
                f"Different programs read {show(text)[1:-1]} as different numbers, or as text.",
                f'Write a plain number such as 70 or 66.5, or put text in quotes: "{show(text)[1:-1]}".',
            )
        return text

    def _open(self, event: Any, value: list[_Node] | dict[str, _Node]) -> None:
        node = self._anchored(event, _Node(place=self._place, value=value, is_open=True))
        self._stack.append(node)
        if isinstance(value, dict):
            self._keys.append(None)
            self._dropped.append(False)
        self._check_depth(len(self._stack))

    def _close(self) -> None:
        node = self._stack.pop()
        node.is_open = False
        if isinstance(node.value, dict):
            self._keys.pop()
            self._dropped.pop()
        inner = node.value.values() if isinstance(node.value, dict) else node.value
        assert isinstance(inner, Iterable)  # noqa: S101 - only lists and mappings are opened
        for child in inner:
            assert isinstance(child, _Node)  # noqa: S101
            node.size += child.size
            node.depth = max(node.depth, child.depth + 1)
        self._check_depth(node.depth + len(self._stack))
        if node.size > MAX_VALUES:
            problem = f"With its aliases written out the file has more than {MAX_VALUES:,} values."
            raise FileFaults([*self.faults, self.fault_here(problem, "Use fewer aliases.")])
        self._add(node)

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            problem = f"The nesting is deeper than {MAX_DEPTH}."
            raise FileFaults([*self.faults, self.fault_here(problem, "Nest less.")])

    def _add(self, node: _Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            self._add_pair(parent, parent.value, node)

    def _add_pair(self, parent: _Node, pairs: dict[str, _Node], node: _Node) -> None:
        key = self._keys[-1]
        if key is None:
            self._keys[-1] = (node.text, node.place)
            self._dropped[-1] = not self._is_key(parent, node)
            return
        if not self._dropped[-1]:
            pairs[key[0]] = node
            parent.keys[key[0]] = key[1]
        self._keys[-1] = None

    def _is_key(self, parent: _Node, node: _Node) -> bool:
        if isinstance(node.value, list | dict) or not node.text:
            self._say("A key must be a word.", "Write `key: value`.")
            return False
        if node.text == "<<":
            self._say("Merge keys (`<<`) are not read.", "Write the keys out.")
            return False
        if node.text in parent.keys:
            first = parent.keys[node.text].line
            self._say(f"The key {show(node.text)} is here a second time.", f"Keep one; the first is on line {first}.")
            return False
        if not isinstance(node.value, str):
            self._say(f"The key {node.text} is not text.", f'Write it in quotes: "{node.text}".')
        return True


def _decoded(content: bytes, file: str) -> str:
    if len(content) > MAX_BYTES:
        raise whole(file, f"The file is larger than {MAX_BYTES // 1024**2} MiB.", "Say less in it.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise whole(file, "The file is in UTF-16 or UTF-32.", "Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        problem = f"The byte 0x{content[error.start]:02X} is not UTF-8."
        fault = Fault(file=file, line=line, column=column, path="", problem=problem, cure="Save the file as UTF-8.")
        raise FileFaults([fault]) from None


def _for_yaml(text: str) -> str:
    """JSON may be indented with tabs; YAML in brackets means the same with spaces, and only the parser minds."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    return re.sub(r"(?m)^[ \t]+", lambda indent: " " * len(indent[0]), text)


def _with_joined_surrogates(text: str) -> str:
    """JSON writes what lies beyond U+FFFF as two escapes, and the parser leaves them apart."""
    return _PAIR.sub(lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text)


def _plain(node: _Node) -> Plain:
    if isinstance(node.value, list):
        return [_plain(inner) for inner in node.value]
    if isinstance(node.value, dict):
        return {key: _plain(inner) for key, inner in node.value.items()}
    return node.value


_CURES: Final = (
    ("mapping values are not allowed", "Put text that holds a colon in quotes, and check the indentation."),
    ("'\\t'", "Indent with spaces, not with tabs."),
    ("cannot start any token", "Put text that begins with a special character in quotes."),
    ("',' or ']'", "Put a comma between the entries, and close the list with `]`."),
    ("',' or '}'", "Put a comma between the entries, and close the mapping with `}`."),
    ("end of stream", "Close the quote or bracket."),
    ("unknown escape", "Use single quotes for text with backslashes."),
    ("<block end>", "Give all keys of one mapping, and all dashes of one list, the same indentation."),
    ("could not find expected ':'", "Write `key: value`, with a colon and a space."),
)


def _syntax_fault(error: YAMLError, text: str, file: str) -> Fault:
    problem, place, since = "the text is not YAML", START, ""
    if isinstance(error, MarkedYAMLError):
        problem = str(error.problem or error.context or problem)
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark is not None else START
        if error.context and error.context_mark is not None and error.context_mark.line + 1 != place.line:
            since = f" ({error.context}, from line {error.context_mark.line + 1} on)"
    elif isinstance(error, ReaderError):
        problem = f"the character U+{int(error.character):04X} is not allowed"
        place = Place(text.count("\n", 0, error.position) + 1, error.position - text.rfind("\n", 0, error.position))
    cure = next((cure for sign, cure in _CURES if sign in problem), "Check indentation, quotes and brackets here.")
    problem = f"This is not YAML: {problem}{since}."
    return Fault(file=file, line=place.line, column=place.column, path="", problem=problem, cure=cure)
