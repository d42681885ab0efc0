"""The configuration file: what it says, and what is refused."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laurel.config import DEFAULT_PUBLIC_ADDRESS, ConfigFaults, Source, Tenant, config_schema, read_config
from rules.keys import TenantId

CATALOGUES = Path(__file__).parent / "catalogues"
DIALECTS = ("laurel", "canvas")
EXAMPLE = TenantId("example")
SOURCE = "sources: [{topic: a, dialect: laurel, tenant: t}]\n"
TENANT = "tenants: {t: {catalogue: catalogue.yaml}}\n"


def refused(directory: Path, text: str | bytes) -> list[str]:
    (directory / "catalogue.yaml").touch()
    path = directory / "laurel.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigFaults) as caught:
        read_config(path, DIALECTS)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


def test_a_configuration_says_sources_and_tenants() -> None:
    config = read_config(CATALOGUES / "config.yaml", DIALECTS)

    assert config.public_address == "https://credentials.example.edu"
    assert config.sources == (
        Source(topic="canvas-live-events", dialect="canvas", tenant=EXAMPLE, start="earliest"),
        Source(topic="own.events", dialect="laurel", tenant=EXAMPLE, start="latest"),
    )
    assert config.tenants == (
        Tenant(
            id=EXAMPLE,
            catalogue=CATALOGUES / "example.yaml",
            time_zone=ZoneInfo("Europe/Berlin"),
            languages=("de", "en"),
        ),
    )


def test_what_may_be_left_out_has_a_default(tmp_path: Path) -> None:
    (tmp_path / "catalogue.yaml").touch()
    (tmp_path / "laurel.yaml").write_text(SOURCE + TENANT)
    config = read_config(tmp_path / "laurel.yaml", DIALECTS)

    assert config.public_address == DEFAULT_PUBLIC_ADDRESS
    assert (config.tenants[0].time_zone.key, config.tenants[0].languages) == ("UTC", ("en",))


def test_all_faults_are_said_at_once_each_with_its_line_and_cure(tmp_path: Path) -> None:
    text = """\
public_address: credentials.example.edu
sources:
  - {topic: canvas, dialect: canvass, tenant: exampel}
  - {topic: canvas, dialect: laurel, tenant: example}
  - {topic: laurel.facts, dialect: laurel, tenant: example, start: newest}
  - {topic: "a/b", dialect: laurel}
tenants:
  example:
    catalogue: credentials.yaml
    time_zone: Europe/Berlim
    languages: []
    langauge: en
"""
    assert refused(tmp_path, text) == [
        (
            'laurel.yaml:1: public_address is "credentials.example.edu", and must be a web address. '
            "Write it like https://credentials.example.edu, without ? and #."
        ),
        'laurel.yaml:3: There is no dialect "canvass". Did you mean canvas?',
        'laurel.yaml:3: There is no tenant "exampel". Did you mean "example"?',
        (
            'laurel.yaml:4: The topic "canvas" is here a second time. '
            "Keep one source for each topic; a topic has one dialect and one tenant."
        ),
        (
            'laurel.yaml:5: sources[2].topic is "laurel.facts", and topics that begin with laurel. are our own. '
            "Name the LMS's topic."
        ),
        (
            'laurel.yaml:5: sources[2].start is the text "newest", and must be earliest or latest. '
            "Write earliest or latest."
        ),
        "laurel.yaml:6: sources[3] has no `tenant`. Add `tenant: example`.",
        (
            'laurel.yaml:6: sources[3].topic is "a/b", which is no name of a topic in Kafka. '
            "Write 1 to 249 letters, digits, dots, dashes or underscores."
        ),
        'laurel.yaml:9: There is no file "credentials.yaml". Write the path as seen from this file\'s directory.',
        (
            'laurel.yaml:10: tenants.example.time_zone is "Europe/Berlim", which is no time zone. '
            "Did you mean Europe/Berlin?"
        ),
        "laurel.yaml:11: There are no languages. Name at least one, such as en.",
        'laurel.yaml:12: tenants.example has an unknown key "langauge". Did you mean `languages`?',
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sources: []\n" + TENANT, "laurel.yaml:1: There are no sources"),
        ("sources: []\ntenants: {}", "laurel.yaml:1: There are no sources"),
        (TENANT, "laurel.yaml:1: The file has no `sources`."),
        (SOURCE + "tenants: {'../t': {catalogue: catalogue.yaml}}", "laurel.yaml:1: There is no tenant"),
        (SOURCE + "tenants: {t: {catalogue: .}}", "laurel.yaml:2: There is no file"),
        (SOURCE + "tenants: {t: {catalogue: " + "x" * 4000 + "}}", "laurel.yaml:2: There is no file"),
        (SOURCE + "tenants: {t: {catalogue: catalogue.yaml, time_zone: ../etc}}", "laurel.yaml:2: tenants.t.time_zone"),
        (SOURCE + "tenants: {t: {catalogue: catalogue.yaml, languages: [e]}}", "laurel.yaml:2: tenants.t.languages[0]"),
        (SOURCE + TENANT + "public_address: https://me:secret@example.edu", "laurel.yaml:3: public_address"),
        ("", "laurel.yaml: The file is empty."),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(tmp_path: Path, text: str, expected: str) -> None:
    assert refused(tmp_path, text)[0].startswith(expected)


def test_a_file_that_is_not_there_is_a_fault_like_any_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigFaults, match=r"There is no such file\. Check the path\."):
        read_config(tmp_path / "laurel.yaml", DIALECTS)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["sources", "tenants", "topic", "tenant", "catalogue", "t"]), inner)
        ),
    )
)
def test_any_values_give_a_configuration_or_faults(tmp_path: Path, values: object) -> None:
    lines = refused(tmp_path, str(values).replace("None", "null"))

    assert all(line.startswith("laurel.yaml:") for line in lines)


def test_the_schema_knows_every_key() -> None:
    schema = config_schema()

    assert set(schema["properties"]) == {"public_address", "sources", "tenants"}
    assert set(schema["$defs"]["SourceForm"]["properties"]) == {"topic", "dialect", "tenant", "start"}
