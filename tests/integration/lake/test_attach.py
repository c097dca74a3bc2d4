"""The lines that `vaxel lake attach` prints, run as they are by somebody who has DuckDB and nothing of ours."""

from __future__ import annotations

import os
import site
import subprocess
import sys
from pathlib import Path

import duckdb
import psycopg
import pytest
from confluent_kafka import Producer
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import missing
from tests.integration.lake.conftest import Lake, a_cycle
from tests.integration.lake.test_sql_command import variables
from tests.integration.pipeline.guide import GUIDE, ONCE
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

QUESTION = "select session_id, duration_min from wash_cycles order by session_id"
ANSWER = [("w-1:1", 90.0), ("w-1:2", 90.0)]
SHELL = Path(sys.executable).with_name("duckdb")


@pytest.fixture
def asked(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with two wash cycles, that the command finds."""
    tell(lake, "w-1:1", "w-1:2")
    for name, value in variables(lake).items():
        monkeypatch.setenv(name, value)
    return lake


@pytest.fixture
def elsewhere(asked: Lake, tmp_path: Path) -> dict[str, str]:
    """Environment of an analyst: a home of their own, and the password, but no variable of ours."""
    home = tmp_path / "home"
    home.mkdir()
    password = str(conninfo_to_dict(asked.catalog).get("password", ""))
    return {"HOME": str(home), "PATH": os.environ["PATH"], "PGPASSWORD": password}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with DuckDB and the packages of its extensions, and nothing else."""
    folder = tmp_path_factory.mktemp("packages")
    for place in map(Path, site.getsitepackages()):
        for pattern in ("duckdb", "duckdb-*", "_duckdb*", "duckdb_extension_*"):
            for package in place.glob(pattern):
                (folder / package.name).symlink_to(package)
    return folder


def tell(lake: Lake, *sessions: str) -> None:
    producer = Producer({"bootstrap.servers": lake.kafka})
    for session_id in sessions:
        producer.produce(lake.topic("wash_cycle_versions"), a_cycle(session_id, 90))
    producer.flush()
    lake.sink(len(sessions))


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert run(["lake", "attach", *options]) == 0
    return capsys.readouterr().out


def as_role(lake: Lake, role: str, password: str) -> str:
    """The catalogue's address for another role."""
    return make_conninfo(lake.catalog, user=role, password=password)


def in_python(code: str, packages: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter in another folder, without any site-packages but those."""
    begin = f"import sys; sys.path.insert(0, {str(packages)!r})\n"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", begin + code],
        check=False, env=environment, cwd=environment["HOME"], capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def in_shell(statements: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if not SHELL.exists():
        missing("no duckdb-cli in this environment")
    return subprocess.run(
        [SHELL, "-csv", "-noheader"],
        input=statements, check=False, env=environment, cwd=environment["HOME"], capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip


ASK = f"print(lake.execute({QUESTION!r}).fetchall())"


def test_printed_lines_of_python_read_the_lake_without_our_packages(
    asked: Lake, elsewhere: dict[str, str], packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, "--python", "--offline")
    assert "No module named 'vaxel'" in in_python("import vaxel", packages, elsewhere).stderr
    answer = in_python(lines + ASK, packages, elsewhere)
    assert (answer.stdout.strip(), answer.stderr) == (repr(ANSWER), "")
    refused = in_python(lines + "lake.execute('delete from uploads')", packages, elsewhere)
    assert "read-only" in refused.stderr


def test_printed_lines_of_sql_read_the_lake_in_the_shell_of_duckdb(
    asked: Lake, elsewhere: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = in_shell(f"{printed(capsys, '--offline')}\n{QUESTION};", elsewhere)
    assert (answer.stdout.split(), answer.stderr) == (["w-1:1,90.0", "w-1:2,90.0"], "")


def test_extensions_installed_once_from_packages_are_found_by_the_two_lines_alone(
    asked: Lake, elsewhere: dict[str, str], packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_python(ONCE, packages, elsewhere).stderr == ""
    answer = in_python(printed(capsys, "--python") + ASK, packages, elsewhere)
    assert (answer.stdout.strip(), answer.stderr) == (repr(ANSWER), "")
    lines = printed(capsys)
    assert [line.split()[0] for line in lines.splitlines()] == ["--", "ATTACH", "USE"]
    assert in_shell(f"{lines}\n{QUESTION};", elsewhere).stdout.split() == ["w-1:1,90.0", "w-1:2,90.0"]


def test_the_password_is_told_only_where_it_is_asked_for(
    asked: Lake,
    elsewhere: dict[str, str],
    packages: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    password = f"it's \\{elsewhere['PGPASSWORD']}"
    with psycopg.connect(asked.catalog, autocommit=True) as catalogue:
        catalogue.execute(
            f"create role told login superuser password '{password.replace(chr(39), chr(39) * 2)}'".encode()
        )
        try:
            monkeypatch.setenv("VAXEL_LAKE_CATALOG", as_role(asked, "told", password))
            lines = {options: printed(capsys, *options) for options in [(), ("--python",), ("--offline",)]}
            assert not any(elsewhere["PGPASSWORD"] in text for text in lines.values())
            told = printed(capsys, "--python", "--offline", "--with-password")
            without = {name: value for name, value in elsewhere.items() if name != "PGPASSWORD"}
            assert in_python(told + ASK, packages, without).stdout.strip() == repr(ANSWER)
        finally:
            catalogue.execute("drop role told")


def test_a_line_of_pgpass_is_enough(
    asked: Lake, elsewhere: dict[str, str], packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = printed(capsys, "--python", "--offline")
    password = elsewhere.pop("PGPASSWORD")
    assert "password" in in_python(lines + ASK, packages, elsewhere).stderr
    line = lines.split("~/.pgpass: ")[1].split("PASSWORD.")[0] + password
    file = Path(elsewhere["HOME"]) / ".pgpass"
    file.write_text(line + "\n")
    file.chmod(0o600)
    assert in_python(lines + ASK, packages, elsewhere).stdout.strip() == repr(ANSWER)


def test_a_role_that_may_only_read_is_enough_also_for_what_comes_later(
    asked: Lake,
    elsewhere: dict[str, str],
    packages: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grants = GUIDE.read_text().split("  CREATE ROLE analyst")[1].split("```")[0].replace("'...'", "'only-reads'")
    with psycopg.connect(asked.catalog, autocommit=True) as catalogue:
        try:
            catalogue.execute(f"CREATE ROLE analyst{grants}".encode())
            with monkeypatch.context() as patch:
                analyst = as_role(asked, "analyst", "only-reads")
                patch.setenv("VAXEL_LAKE_CATALOG", analyst)
                lines = printed(capsys, "--python", "--offline", "--with-password")
            assert in_python(lines + ASK, packages, elsewhere).stdout.strip() == repr(ANSWER)
            tell(asked, "w-1:3")
            asked.produce(range(1))
            asked.sink(300)
            later = in_python(lines + "print(lake.sql('select count(*) from readings_washer').fetchall())\n" + ASK,
                              packages, elsewhere)  # fmt: skip
            assert later.stdout.splitlines() == ["[(300,)]", repr([*ANSWER, ("w-1:3", 90.0)])]
        finally:
            catalogue.execute("drop owned by analyst; drop role analyst")


def test_no_lake_is_one_line_and_exit_code_3(
    asked: Lake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAXEL_LAKE_CATALOG", asked.catalog.rsplit("/", 1)[0] + "/postgres")
    assert run(["lake", "attach"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "holds no lake yet" in told.err


def test_the_version_that_the_guide_names_is_ours() -> None:
    assert f"duckdb=={duckdb.__version__}" in GUIDE.read_text()
    assert f"duckdb-cli=={duckdb.__version__}" in GUIDE.read_text()
