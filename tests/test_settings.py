"""Settings: what they default to, what is refused, and that secrets never show."""

import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laurel.settings import SettingFault, Settings, SettingsFaults, describe_settings, read_settings, unset

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"
SECRET = "hunter2-is-secret"  # noqa: S105 - the point of these tests


def refused(**environ: str) -> list[str]:
    with pytest.raises(SettingsFaults) as caught:
        read_settings({f"LAUREL_{name}": value for name, value in environ.items()})
    return str(caught.value).splitlines()


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read_settings({"PATH": "/bin"})

    assert settings.broker == "localhost:9092"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8420)
    assert (settings.database, settings.config, settings.embedded) == (None, None, False)


def test_the_process_environment_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAUREL_BROKER", "elsewhere:1")

    assert read_settings({}).broker == "localhost:9092"
    assert Settings().broker == "localhost:9092"


def test_variables_become_values_of_their_types(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    settings = read_settings(
        {
            "LAUREL_BROKER": "kafka-0:9092, [::1]:9093",
            "LAUREL_BROKER_SECURITY": "SASL_SSL",
            "LAUREL_BROKER_SASL_MECHANISM": "plain",
            "LAUREL_BROKER_USERNAME": "laurel",
            "LAUREL_BROKER_PASSWORD": SECRET,
            "LAUREL_BROKER_CA_FILE": str(ca_file),
            "LAUREL_DATABASE": "postgresql://postgres@/postgres?host=%2Ftmp%2Fdata&port=5432",
            "LAUREL_DATA_DIR": "/var/lib/laurel",
            "LAUREL_PARTITIONS": "12",
            "LAUREL_LOG_LEVEL": "DEBUG",
            "LAUREL_EMBEDDED": "true",
        }
    )

    assert settings.broker == "kafka-0:9092,[::1]:9093"
    assert (settings.broker_security, settings.broker_sasl_mechanism) == ("sasl_ssl", "PLAIN")
    assert settings.broker_password is not None
    assert settings.broker_password.get_secret_value() == SECRET
    assert (settings.broker_ca_file, settings.data_dir) == (ca_file, Path("/var/lib/laurel"))
    assert (settings.partitions, settings.log_level, settings.embedded) == (12, "debug", True)


def test_a_variable_set_to_nothing_counts_as_not_set() -> None:
    assert read_settings({"LAUREL_BROKER": "", "LAUREL_PARTITIONS": ""}).partitions == 4


def test_a_worker_is_called_after_its_host_unless_told_otherwise() -> None:
    assert read_settings({}, host_name="Ada's Mac.local").worker_name == "Ada-s-Mac.local"
    assert read_settings({"LAUREL_WORKER_NAME": "blue"}, host_name="green").worker_name == "blue"


def test_people_at_a_terminal_get_a_log_for_people() -> None:
    assert read_settings({}).log_format == "json"
    assert read_settings({}, is_terminal=True).log_format == "console"
    assert read_settings({"LAUREL_LOG_FORMAT": "json"}, is_terminal=True).log_format == "json"


def test_all_faults_are_said_at_once_each_with_its_variable_and_cure() -> None:
    assert refused(
        BROKER="kafka",
        PARTITIONS="many",
        HTTP_PORT="70000",
        LOG_LEVEL="loud",
        DATABASE="mysql://root@db/laurel",
        BROKR_SECURITY="ssl",
        CONFFIG="laurel.yaml",
        BROKER_PASSWORD=SECRET,
    ) == [
        "LAUREL_BROKER is not a list of brokers. Write host:port, several with commas between them.",
        (
            "LAUREL_DATABASE is not the address of a PostgreSQL database. "
            "Write postgresql://user:password@host:5432/database, with / : @ % in the password percent-encoded."
        ),
        "LAUREL_PARTITIONS is not a whole number. Write one such as 4.",
        "LAUREL_HTTP_PORT is too large. Write at most 65535.",
        "LAUREL_LOG_LEVEL is not one of its words. Write debug, info, warning or error.",
        "LAUREL_BROKR_SECURITY is not a setting. Did you mean LAUREL_BROKER_SECURITY?",
        "LAUREL_CONFFIG is not a setting. Did you mean LAUREL_CONFIG?",
        (
            "LAUREL_BROKER_PASSWORD is set, and plaintext does not use it. "
            "Set LAUREL_BROKER_SECURITY to sasl_ssl, or remove it."
        ),
    ]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BROKER_SECURITY": "sasl_ssl", "BROKER_USERNAME": "u"}, "LAUREL_BROKER_PASSWORD is not set"),
        ({"BROKER_SECURITY": "ssl", "BROKER_KEY_FILE": __file__}, "LAUREL_BROKER_CERTIFICATE_FILE is not set"),
        ({"BROKER_SECURITY": "ssl", "BROKER_CERTIFICATE_FILE": __file__}, "LAUREL_BROKER_KEY_FILE is not set"),
        ({"BROKER_CA_FILE": __file__}, "LAUREL_BROKER_CA_FILE is set, and plaintext does not use it"),
        ({"BROKER_SECURITY": "ssl", "BROKER_CA_FILE": "/no/such"}, "LAUREL_BROKER_CA_FILE names a file that is not"),
        ({"WORKER_NAME": "../up"}, "LAUREL_WORKER_NAME is not a name"),
        ({"APP_ID": "My App"}, "LAUREL_APP_ID is not an application's name"),
        ({"EMBEDDED": "perhaps"}, "LAUREL_EMBEDDED is neither true nor false"),
        ({"BATCH_MAX_SECONDS": "nan"}, "LAUREL_BATCH_MAX_SECONDS is not a number"),
        ({"BATCH_MAX_RECORDS": "0"}, "LAUREL_BATCH_MAX_RECORDS is too small"),
        ({"BROKER": "a:0"}, "LAUREL_BROKER is not a list of brokers"),
        ({"HTTP_HOST": "a b"}, "LAUREL_HTTP_HOST is not an address"),
        ({"XYZZY": "1"}, "LAUREL_XYZZY is not a setting. Remove it"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(environ: dict[str, str], expected: str) -> None:
    (line,) = refused(**environ)

    assert line.startswith(expected)
    assert line.endswith((".", "?"))


def test_what_kubernetes_sets_for_a_service_of_our_name_is_passed_over() -> None:
    read_settings(
        {
            "LAUREL_PORT": "tcp://10.0.0.1:8420",
            "LAUREL_PORT_8420_TCP_ADDR": "10.0.0.1",
            "LAUREL_SERVICE_HOST": "10.0.0.1",
            "LAUREL_SERVICE_PORT_METRICS": "8420",
            "LAUREL_PORTAL_SERVICE_PORT": "8080",
        }
    )


def test_secrets_never_show() -> None:
    environ = {
        "LAUREL_BROKER_SECURITY": "sasl_ssl",
        "LAUREL_BROKER_USERNAME": "laurel",
        "LAUREL_BROKER_PASSWORD": SECRET,
        "LAUREL_DATABASE": f"postgresql://laurel:{SECRET}@db/laurel",
    }
    settings = read_settings(environ)

    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    "name", ["DATABASE", "BROKER_PASSWORD", "PARTITIONS", "BROKER_SECURITY", "LOG_LEVEL", "BROKER"]
)
def test_a_secret_in_the_wrong_place_does_not_show_either(name: str) -> None:
    try:
        read_settings({f"LAUREL_{name}": f"mysql://{SECRET}"})
    except SettingsFaults as faults:
        shown = "".join(traceback.format_exception(faults)) + repr(faults)
    assert SECRET.lower() not in shown.lower()


@given(
    st.dictionaries(
        st.sampled_from([f"LAUREL_{name.upper()}" for name in Settings.model_fields] + ["LAUREL_", "LAUREL_X"]),
        st.text() | st.sampled_from(["ssl", "1", "a:1", "postgresql://[", "postgresql://h:99999/d", "true"]),
    )
)
def test_any_environment_gives_settings_or_sentences(environ: dict[str, str]) -> None:
    found: tuple[SettingFault, ...] = ()
    try:
        read_settings(environ)
    except SettingsFaults as faults:
        found = faults.faults
    assert all(fault.problem.endswith(".") and fault.cure.endswith((".", "?")) for fault in found)


def test_a_command_can_say_which_setting_it_lacks() -> None:
    assert str(unset("config")) == "LAUREL_CONFIG is not set. Set it: The configuration file: sources and tenants."


def test_the_documentation_lists_the_settings_as_they_are() -> None:
    rows = re.findall(r"^\| `(LAUREL_\w+)` \| (?:`([^`]*)`|([^|]*?)) ?\| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    written = [(variable, quoted or plain, text) for variable, quoted, plain, text in rows]

    assert written == [tuple(row) for row in describe_settings()]
