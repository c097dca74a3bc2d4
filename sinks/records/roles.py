"""The PostgreSQL roles as which the gearbox works: one for each record system, one for its ledger; rights and no more.

Roles belong to the whole server, so two databases of one server share them, and their owners have to share the
password that the roles' own are derived from (`gear.systems.role_password`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

import psycopg
from psycopg import conninfo, errors, sql

from schemas.errors import UnreachableError, UsageError
from schemas.gearbox_ledger import LEDGER_ROLE
from schemas.record_receipts import RECEIPT_TABLE
from schemas.records import SYSTEMS, TABLES
from sinks.records.database import CONNECT_TIMEOUT_S, Connection, session, where
from sinks.records.gear.systems import VARIABLE, role_of, role_password

ROLES: Final = (*map(role_of, SYSTEMS), LEDGER_ROLE)

DELETABLE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"billing": ("invoice_line",), "service": ("case",), "erp": ("spare_parts_demand",)}
)
"""Tables of each system in which a flow's rows may be taken out again; in all others a row stays."""

_OTHER_SCHEMAS: Final = ("gearbox", "reference")
_TRIES: Final = 50
_WAIT_S: Final = 0.02
_AT_ONCE: Final = "concurrently"
"""In what PostgreSQL says (as an internal error) where two transactions write the same row of its catalogue."""


def make_roles(dsn: str, environ: Mapping[str, str] = MappingProxyType({})) -> None:
    """Makes the roles that are not there, and gives each the password that its derived address has.

    Args:
        environ: A role whose address is told by a variable there keeps the password it has.
    Raises:
        UsageError: The owner may not make a role, or one that is there may too much; the message says what to do.
    """
    with session(dsn) as connection:
        for role in ROLES:
            make_role(connection, dsn, role, is_told=bool(environ.get(variable_of(role))))


def variable_of(role: str) -> str:
    """The variable that says where that role's work is reached, where it is not derived from the owner's address."""
    return "VAXEL_LEDGER" if role == LEDGER_ROLE else f"{VARIABLE}{role.removeprefix('vaxel_').upper()}"


def make_role(connection: Connection, dsn: str, role: str, *, is_told: bool = False) -> None:
    """Makes one role that may log in and nothing else; one that is there and can log in stays as it is.

    Args:
        is_told: How it logs in is told by a variable: a role that is there keeps its password.
    Raises:
        UsageError: As of `make_roles`.
    """
    password = role_password(dsn, role)
    secret = None if password is None else _verifier(connection, role, password)
    held = connection.execute(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls OR rolreplication AS is_mighty "
        "FROM pg_roles WHERE rolname = %s",
        [role],
    ).fetchone()
    if held is None:
        with _rights_to_make(dsn, role):
            _repeated(connection, _create(role, secret))
            if password is not None and not _can_log_in(dsn, role, password):  # somebody else made it meanwhile
                _repeated(connection, _alter(role, secret))
        return
    if held["is_mighty"]:
        raise UsageError(
            f"Role {role} at {where(dsn)} may more than a role of a record system: it is a superuser, or may create "
            f"roles or databases, replicate or pass row security. Take that from it: ALTER ROLE {role} NOSUPERUSER "
            "NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS."
        )
    if password is not None and not is_told and not _can_log_in(dsn, role, password):
        with _rights_to_make(dsn, role):
            _repeated(connection, _alter(role, secret))


def rights_ddl() -> str:
    """Statements that give each system's role what it may in its own schema, and take everything else; the tables and
    roles being there. Running them again changes nothing."""
    return "".join([*map(_rights_of, SYSTEMS), *map(_entry_of, ROLES)])


def _entry_of(role: str) -> str:
    """Into the database, where an administrator took that right from the public."""
    return (
        f"DO $do$ BEGIN IF NOT (has_database_privilege('{role}', current_database(), 'CONNECT')\n"
        f"  AND has_database_privilege('{role}', current_database(), 'TEMPORARY')) THEN\n"
        f"  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO {role}', current_database());\n"
        "END IF; END $do$;\n"
    )


def _rights_of(system: str) -> str:
    role = role_of(system)
    tables = [table.name for table in TABLES if table.system == system]
    others = (*(other for other in SYSTEMS if other != system), *_OTHER_SCHEMAS)
    taken = "".join(
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};\nREVOKE ALL ON SCHEMA {schema} FROM {role};\n"
        for schema in (system, *others)
    )
    deletable = "".join(
        f"GRANT DELETE ON {system}.{name} TO {role};\n" for name in DELETABLE.get(system, ()) if name in tables
    )
    return (
        f"{taken}GRANT USAGE ON SCHEMA {system} TO {role};\n"
        f"GRANT SELECT, INSERT, UPDATE ON {', '.join(f'{system}.{name}' for name in tables)} TO {role};\n{deletable}"
        f"GRANT SELECT, INSERT, UPDATE (outcome) ON {system}.{RECEIPT_TABLE} TO {role};\n"
    )


def _verifier(connection: Connection, role: str, password: str) -> str:
    """What the server keeps of a password: the password itself would stand in its log."""
    return connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def _create(role: str, secret: str | None) -> sql.Composed:
    """Roles are the server's: where another database's owner makes the same one at this moment, it is made."""
    return sql.SQL(
        "DO $do$ BEGIN CREATE ROLE {role} LOGIN{password}; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$"
    ).format(role=sql.Identifier(role), password=_password(secret))


def _alter(role: str, secret: str | None) -> sql.Composed:
    return sql.SQL("ALTER ROLE {role} LOGIN{password}").format(role=sql.Identifier(role), password=_password(secret))


def _password(secret: str | None) -> sql.Composable:
    return sql.SQL("") if secret is None else sql.SQL(" PASSWORD {}").format(sql.Literal(secret))


def _repeated(connection: Connection, statement: sql.Composed) -> None:
    for _ in range(_TRIES):
        try:
            connection.execute(statement)
        except errors.InternalError_ as error:
            if _AT_ONCE not in str(error):
                raise
            time.sleep(_WAIT_S)
        else:
            return
    raise UnreachableError("Other databases of this server keep changing the same roles; run `vaxel seed` again.")


def _can_log_in(dsn: str, role: str, password: str) -> bool:
    address = conninfo.make_conninfo(dsn, user=role, password=password, connect_timeout=CONNECT_TIMEOUT_S)
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _rights_to_make(dsn: str, role: str) -> Iterator[None]:
    try:
        yield
    except errors.InsufficientPrivilege as error:
        owner = conninfo.conninfo_to_dict(dsn).get("user") or "the owner"
        raise UsageError(
            f"{owner} may not make or change the role {role} at {where(dsn)}. Let an administrator run `ALTER ROLE "
            f"{owner} CREATEROLE`, or make the role (`CREATE ROLE {role} LOGIN PASSWORD ...`) and say how to log in "
            f"with {variable_of(role)}; then run `vaxel seed` again."
        ) from error
