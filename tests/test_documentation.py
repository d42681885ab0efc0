"""What the documents say is so: code blocks run, tables are the code's own, links lead somewhere."""

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from typer.main import get_command

from laurel.catalogue_file import read_catalogue
from laurel.cli import app
from laurel.config import read_config
from laurel.settings import read_settings
from rules.awards import CredentialKind
from rules.keys import TenantId
from rules.ledger import Status
from streams import messages, topics, wire
from streams.dead_letters import PREFIX, dead_letter
from streams.dialects.all import DIALECTS
from streams.dialects.dialect import UnreadableEvent
from streams.metrics import Metrics
from streams.options import StreamOptions
from tests.dialect_records import record

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RECORDS = (ROOT / "docs" / "records.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
SOURCES = sorted((ROOT / "docs" / "sources").glob("*.md"))
LAYERS = [ROOT / name for name in ("laurel", "portal", "streams", "sinks", "rules") if (ROOT / name).is_dir()]
MODULES = sorted(path for layer in LAYERS for path in layer.rglob("*.py"))

# These start a stack or want a broker or a database: of them only the command line is checked.
NEED_A_STACK = (
    "demo",
    "dev",
    "worker",
    "topics apply",
    "topics check",
    "catalogue apply",
    "catalogue preview",
    "awards",
    "certificate",
    "why",
    "near",
)
# The words of the design, each in the glossary.
WORDS = {
    *("source", "fact", "register", "stamp", "history", "course fact", "span", "criterion", "clause", "credential"),
    *("catalogue", "entitlement", "ledger", "standing", "award", "occurrence", "milestone", "policy", "evidence"),
    *("revision", "status", "dialect", "lane", "walk", "sink", "dead letter", "tenant", "learner", "outline"),
}


class Block(NamedTuple):
    """A code block: its language, its text, and the last heading above it."""

    language: str
    text: str
    heading: str


def blocks(text: str) -> Iterator[Block]:
    heading = ""
    for found in re.finditer(r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if found[1] is not None:
            heading = found[1]
        else:
            yield Block(found[2], found[3], heading)


def blocks_of(text: str, language: str, heading: str = "") -> list[str]:
    return [block.text for block in blocks(text) if block.language == language and heading in block.heading]


def prose(text: str) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def rows(text: str, first: str) -> list[list[str]]:
    """The table whose heading begins with this cell: its rows, as cells."""
    lines = prose(text).splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith(f"| {first} |"))
    found = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def plain(cell: str) -> str:
    return cell.replace("`", "")


# The README's blocks


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory as a reader has it after `make setup`, with the README's two files in it."""
    catalogue, config = blocks_of(README, "yaml")
    (tmp_path / "catalogue.yaml").write_text(catalogue)
    (tmp_path / "config.yaml").write_text(config)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    commands = tmp_path / "commands"
    commands.mkdir()
    patterns = "|".join(f'"{command} "*' for command in NEED_A_STACK)
    laurel, make = f"'{sys.executable}' -m laurel", shutil.which("make")
    # `--help` is looked at after the command and its options are found to exist.
    script(commands / "laurel", f'case "$* " in {patterns}) set -- "$@" --help ;; esac\nexec {laurel} "$@"')
    script(commands / "make", f"exec '{make}' --dry-run --no-print-directory -C '{ROOT}' \"$@\"")
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)


def ran(text: str, place: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LAUREL_")}
    environ |= {"PATH": f"{place / 'commands'}:{environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["sh", "-eu"], input=text, capture_output=True, text=True, cwd=place, env=environ, check=False, timeout=60
    )


@pytest.mark.stack
def test_every_command_of_the_readme_runs_and_shows_what_the_readme_says(place: Path) -> None:
    told = []
    for block in blocks_of(README, "sh"):
        done = ran(block, place)
        told.append(done.stdout)

        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        assert ("events.jsonl:4: dead letter: " in done.stderr) is ("laurel evaluate" in block)

    (example,) = (out for block, out in zip(blocks_of(README, "sh"), told, strict=True) if "<<'END'" in block)
    (shown,) = blocks_of(README, "json")
    assert [json.loads(line) for line in example.splitlines() if line.startswith("{")] == [json.loads(shown)]


@pytest.mark.stack
@pytest.mark.parametrize("wrong", ["make nonsense", "laurel nonsense", "laurel worker --nonsense"])
def test_a_command_that_does_not_exist_would_be_found(wrong: str, place: Path) -> None:
    assert ran(wrong, place).returncode != 0


def test_the_readme_exports_settings_that_exist() -> None:
    exported = dict(re.findall(r"^export (LAUREL_\w+)=(.+)$", README, re.MULTILINE))

    settings = read_settings(exported)

    assert exported
    assert str(settings.config) == "config.yaml"


def test_the_readmes_files_are_read_without_a_fault(place: Path) -> None:
    config = read_config(place / "config.yaml", DIALECTS)

    assert {source.dialect for source in config.sources} == set(DIALECTS)
    assert len(read_catalogue(place / "catalogue.yaml", TenantId("example")).credentials) == 1


def test_the_readme_shows_the_demos_own_credentials() -> None:
    catalogue = read_catalogue(ROOT / "laurel" / "demo" / "catalogue.yaml", TenantId("example"))
    (output,) = blocks_of(README, "text")

    shown = re.findall(r"^(\w.*?) +(badge|certificate) +\d+ +\d+ +\d+$", output, re.MULTILINE)

    assert len(shown) > 2
    assert {name for name, _ in shown} <= {credential.name for credential in catalogue.credentials}


# Tables


def test_the_readme_lists_the_verbs_of_make() -> None:
    verbs = re.findall(r"^([a-z-]+):.*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    written = [(plain(verb), text) for verb, text in rows(README, "make")]

    assert written == [(f"make {verb}", text) for verb, text in verbs if verb != "help"]


def commands(group: Any, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Every command, with the first paragraph of its help."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*names, name))
        else:
            yield " ".join((*names, name)), " ".join(command.help.split("\n\n")[0].split())


def test_the_readme_lists_the_commands_of_laurel() -> None:
    written = [(plain(command), text) for command, text in rows(README, "laurel")]

    assert sorted(written) == sorted(commands(get_command(app), ("laurel",)))


def test_the_metrics_are_documented_as_they_are() -> None:
    registry = CollectorRegistry()
    labels = {gauge: metric for metric in vars(Metrics(registry)).values() for gauge in [metric.describe()[0].name]}
    families = [(family.name, family.type, family.documentation) for family in registry.collect()]

    expected = [
        [f"{name}_total" if kind == "counter" else name, kind, ", ".join(labels[name]._labelnames), text]
        for name, kind, text in families
    ]

    assert [
        [plain(cell) for cell in row] for row in rows((ROOT / "docs" / "metrics.md").read_text(), "metric")
    ] == expected


GLOSSARY = [
    (word, place)
    for first in re.findall(r"^## (.+)$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    for word, _, place in rows((ROOT / "docs" / "glossary.md").read_text().split(f"## {first}\n")[1], "word")
]


def test_the_glossary_has_the_words_of_the_design_each_once() -> None:
    words = [word for word, _ in GLOSSARY]

    assert len(words) == len(set(words))
    assert WORDS - set(words) == set()


@pytest.mark.parametrize(("word", "lives"), GLOSSARY)
def test_a_word_lives_in_the_code_where_the_glossary_says(word: str, lives: str) -> None:
    module, _, name = plain(lives).rpartition(".")

    assert hasattr(importlib.import_module(module), name), word


# Records and messages


@pytest.mark.parametrize(
    ("heading", "count"), [("laurel.facts", 7), ("laurel.held", 4), ("Awards", 2), ("Standings", 1), ("Profiles", 1)]
)
def test_the_records_are_written_as_the_documents_show_them(heading: str, count: int) -> None:
    def written(value: bytes) -> bytes | None:
        match heading:
            case "Awards":
                return messages.dump_award(messages.parse_award(value), source="laurel").value
            case "Standings":
                return messages.dump_standing(messages.parse_standing(value)).value
            case "Profiles":
                return messages.dump_profile(messages.parse_profile(value)).value
        (one,) = wire.parse_facts([value]) if heading == "laurel.facts" else wire.parse_held([value])
        assert not isinstance(one, UnreadableEvent), one
        return wire.dump(one)

    shown = blocks_of(RECORDS, "json", heading)

    assert len(shown) == count
    for block in shown:
        assert json.loads(written(block.encode()) or b"") == json.loads(block)


def test_the_headers_and_fields_of_awards_are_documented_as_they_are() -> None:
    section = RECORDS.split("## Awards")[1]
    badge = messages.parse_award(blocks_of(RECORDS, "json", "Awards")[0].encode())
    types = {
        f"laurel.{kind}.{status}.v1".replace("certificate.awarded", "certificate.issued")
        for kind in (CredentialKind.BADGE, CredentialKind.CERTIFICATE)
        for status in Status
    }

    message = messages.dump_award(badge, source="laurel")
    headers = {plain(name): text for name, text in rows(section, "header")}
    fields = [field for row in rows(section, "field") for field in re.findall(r"`(\w+)`", row[0])]

    assert list(headers) == [name for name, _ in message.headers]
    assert set(re.findall(r"`([^`]+)`", headers["ce_type"])) == types
    assert sorted(fields) == sorted(json.loads(message.value or b""))


def test_the_headers_of_dead_letters_are_documented_as_they_are() -> None:
    letter = dead_letter(
        topic="lms",
        partition=0,
        offset=0,
        timestamp=0,
        key=None,
        value=b"x" * (2 << 20),
        headers=[],
        reason="no JSON",
        stage="intake",
        version="1",
    )

    documented = [plain(name) for name, _ in rows(RECORDS.split("## Dead letters")[1], "header")]

    assert sorted(documented) == sorted(name for name, _ in letter.headers)
    assert all(name.startswith(PREFIX) for name in documented)


def test_the_topics_are_documented_with_how_long_they_are_kept(tmp_path: Path) -> None:
    options = StreamOptions(app_id="laurel", brokers=(), sources=(), data_dir=tmp_path, worker_name="w")

    def kept(config: dict[str, str]) -> str:
        if config["cleanup.policy"] == "compact":
            return "compacted"
        return f"{int(config['retention.ms']) // topics.DAY_MS} days"

    expected = {topic.name: kept(topic.config) for topic in topics.wanted(options) if "changelog" not in topic.name}

    assert {plain(row[0]): row[-1] for row in rows(RECORDS, "topic")} == expected


@pytest.mark.parametrize("document", SOURCES, ids=lambda path: path.stem)
def test_a_source_is_documented_under_its_dialects_name_with_events_that_it_reads(document: Path) -> None:
    text = document.read_text()

    assert document.stem in DIALECTS
    for block in blocks_of(text, "json"):
        assert DIALECTS[document.stem](record(block.encode()))


def test_every_dialect_is_documented() -> None:
    assert set(DIALECTS) == {document.stem for document in SOURCES}


# Traps of Faust


def test_every_trap_of_faust_has_tests_and_they_exist() -> None:
    found = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    text = (ROOT / "docs" / "faust.md").read_text()
    named = [re.findall(r"`(test_\w+)`", cells[-1]) for cells in rows(text, "trap")]
    traps = {
        name
        for path in (ROOT / "tests" / "faust_traps").glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }

    assert all(named), "a trap without a test"
    assert {name for names in named for name in names} - found == set()
    # The process's own code is told of elsewhere.
    assert traps - {name for names in named for name in names} == {"test_the_process_ends_with_a_code_of_its_own"}


# Decisions


@pytest.mark.parametrize("document", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_number_and_its_four_headings(document: Path) -> None:
    text = document.read_text()

    assert text.startswith(f"# {document.name[:4]}")
    assert re.findall(r"^## (.+)$", prose(text), re.MULTILINE) == ["Context", "Decision", "Consequences", "Refused"]


def test_the_index_lists_every_decision() -> None:
    index = rows((ROOT / "docs" / "decisions" / "README.md").read_text(), "number")

    assert [re.sub(r".*\((.*)\)", r"\1", number) for number, _ in index] == [document.name for document in DECISIONS]


def test_the_code_names_decisions_that_exist() -> None:
    found = {
        number
        for path in [*MODULES, ROOT / "pyproject.toml", ROOT / "Makefile"]
        for number in re.findall(r"decisions?[ /](\d{4})", path.read_text())
    }

    assert found - {document.name[:4] for document in DECISIONS} == set()


# All of them


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(document.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (document.parent / path).resolve() if path else document

        assert place.exists(), target
        assert ROOT in place.parents, target
        assert not anchor or anchor in anchors(place.read_text()), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_json_in_documents_is_json(document: Path) -> None:
    for block in blocks_of(document.read_text(), "json"):
        json.loads(block)


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.stem)
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"`([\w./]+/[\w./]*\.(?:py|md|json|yaml|toml))`", prose(document.read_text()))

    assert [name for name in named if "NAME" not in name and not (ROOT / name).exists()] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_a_sentence_that_says_its_duty(module: Path) -> None:
    said = ast.get_docstring(ast.parse(module.read_text())) or ""
    first = " ".join(said.split("\n\n")[0].split())

    assert re.match(r"[\w`].*\.$", first), "a module says what it alone is responsible for"
    assert len(first) < 200, "one duty fits a line or two"


@pytest.mark.stack
def test_contributing_names_verbs_that_exist(place: Path) -> None:
    for block in blocks_of((ROOT / "CONTRIBUTING.md").read_text(), "sh"):
        done = ran(block, place)

        assert done.returncode == 0, done.stderr
