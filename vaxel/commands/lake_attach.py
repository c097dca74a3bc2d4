"""`vaxel lake attach`: the lines by which plain DuckDB and Python read this lake, without any package of ours."""

from __future__ import annotations

import os
import shlex
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    from sinks.lake.storage import Storage

PATHS_ARE_HERE = (
    "The LOAD lines name files of this installation, for its version of DuckDB; elsewhere take --python --offline."
)
KEY_LEFT_OUT = (
    "The password of the client's key (sslpassword) is left out, and DuckDB looks for it nowhere: --with-password."
)
PACKAGES_NEEDED = "Needs duckdb and its extensions as Python packages of one version: docs/analyst.md."
_LOADED_IN_PYTHON = """\
for name in {names!r}:
    folder = files("duckdb_extension_" + name) / "extensions" / ("v" + duckdb.__version__)
    lake.load_extension(str(folder / (name + ".duckdb_extension")))"""


def attach(
    *,
    for_python: Annotated[bool, typer.Option("--python/--sql", help="Lines of Python, or of SQL.")] = False,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Take DuckDB's extensions from Python packages (duckdb-extension-ducklake, "
            "duckdb-extension-postgres-scanner, and duckdb-extension-httpfs for S3) instead of the internet.",
        ),
    ] = False,
    with_password: Annotated[
        bool,
        typer.Option(
            "--with-password", help="Print the catalogue's password too, and the keys of S3, for a place nobody reads."
        ),
    ] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print the lines that attach this lake, read only, in plain DuckDB or Python: `vaxel lake attach --python`.

    They need DuckDB 1.5 and nothing of vaxel. DuckDB fetches its extensions by itself the first time; without internet,
    --offline, whose lines of SQL hold for this installation alone. The password is left out: DuckDB looks for it in
    PGPASSWORD or ~/.pgpass, and for keys of S3 in AWS's variables; a local stack keeps its own in DATA_DIR/password.
    Exit code 3 when there is no lake.
    """
    from schemas.errors import UnreachableError  # noqa: PLC0415
    from sinks.lake import storage  # noqa: PLC0415
    from sinks.lake.connection import (  # noqa: PLC0415
        EXTENSIONS,
        REMOTE_EXTENSION,
        catalogue_parts,
        exists,
        key_password_of,
    )
    from vaxel.settings import addresses  # noqa: PLC0415

    known = addresses(os.environ, data_dir)
    address, password = catalogue_parts(known.catalog)
    if not exists(known.catalog):
        raise UnreachableError(f"the catalogue {address!r} holds no lake yet. Fill it: vaxel run --until-idle")
    remote = storage.from_env(known.lake_files, os.environ) if storage.is_remote(known.lake_files) else None
    key_password = key_password_of(known.catalog)
    told = statements(address, password, remote, with_password=with_password, key_password=key_password)
    extensions = [*EXTENSIONS, *([REMOTE_EXTENSION] if remote else [])] if offline else []
    comments = [] if with_password else [where_secrets_are(address, password, data_dir, is_remote=remote is not None)]
    if key_password and not with_password:
        comments.append(KEY_LEFT_OUT)
    if offline:
        comments.append(PACKAGES_NEEDED if for_python else PATHS_ARE_HERE)
    for comment in comments:
        typer.echo(f"{'#' if for_python else '--'} {comment}")
    if for_python:
        typer.echo(python_text(told, extensions))
    else:
        typer.echo(sql_text(told, {name: _file_here(name) for name in extensions}))


def statements(
    address: str, password: str, remote: Storage | None, *, with_password: bool, key_password: str = ""
) -> list[str]:
    """The SQL that attaches the lake as `lake`, and makes it the default, in order.

    Args:
        address: Of the catalogue, without its password.
        remote: How to reach the files, if they are on S3.
        with_password: Whether passwords and keys are in it; else DuckDB finds them in the environment.
        key_password: Of the key by which this client shows who it is (libpq's `sslpassword`); empty without one.
    """
    told, options = [], "READ_ONLY"
    if with_password:
        of_key = f", SSLPASSWORD {_quoted(key_password)}" if key_password else ""
        told.append(f"CREATE SECRET vaxel_catalogue (TYPE postgres, PASSWORD {_quoted(password)}{of_key})")
        options = f"META_SECRET vaxel_catalogue, {options}"
    if remote is not None:
        told += _of_files(remote, with_password=with_password)
    return [*told, f"ATTACH {_quoted('ducklake:postgres:' + address)} AS lake ({options})", "USE lake"]


def sql_text(told: list[str], extension_files: dict[str, str]) -> str:
    """The statements for DuckDB's shell, a line each; extensions are loaded from these files first."""
    return "\n".join(f"{line};" for line in [*(f"LOAD {_quoted(file)}" for file in extension_files.values()), *told])


def python_text(told: list[str], extensions: list[str]) -> str:
    """The statements for Python, on a connection `lake`; extensions are loaded from their packages first."""
    executed = [f"lake.execute({line!r})" for line in told]
    if not extensions:
        return "\n".join(["import duckdb", "", "lake = duckdb.connect()", *executed])
    loaded = ["lake = duckdb.connect()", _LOADED_IN_PYTHON.format(names=tuple(extensions))]
    return "\n".join(["from importlib.resources import files", "", "import duckdb", "", *loaded, *executed])


def _of_files(remote: Storage, *, with_password: bool) -> list[str]:
    from sinks.lake.storage import secret_options  # noqa: PLC0415

    if with_password:
        options = ", ".join(f"{name} {_literal(value)}" for name, value in secret_options(remote).items())
        return [f"CREATE SECRET vaxel_files (TYPE s3, {options})"]
    settings: dict[str, str | bool] = {
        "s3_region": remote.region,
        "s3_url_style": remote.url_style,
        "s3_use_ssl": remote.uses_tls,
        **({"s3_endpoint": remote.endpoint} if remote.endpoint else {}),
    }
    return [f"SET {name} = {_literal(value)}" for name, value in settings.items()]


def where_secrets_are(address: str, password: str, data_dir: Path, *, is_remote: bool) -> str:
    """Where DuckDB looks for what the lines leave out, and where a local stack has it, in one line."""
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    from deploy.layout import Layout  # noqa: PLC0415

    # A local stack made its own password; of any other catalogue the file would be the wrong one.
    kept = Layout(data_dir.resolve()).password
    is_here = bool(password) and kept.is_file() and kept.read_text() == password
    here = f' Here: export PGPASSWORD="$(cat {shlex.quote(str(kept))})".' if is_here else ""
    parts = conninfo_to_dict(address)
    line = ":".join(str(parts.get(name, "*")) for name in ("host", "port", "dbname", "user"))
    keys = " Keys of S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY." if is_remote else ""
    return f"Password, which --with-password prints: PGPASSWORD, or a line of ~/.pgpass: {line}:PASSWORD.{here}{keys}"


def _file_here(extension: str) -> str:
    import duckdb  # noqa: PLC0415

    version = f"v{duckdb.__version__}"
    return str(files(f"duckdb_extension_{extension}") / "extensions" / version / f"{extension}.duckdb_extension")


def _literal(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else _quoted(value)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
