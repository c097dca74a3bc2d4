"""The lines by which plain DuckDB and Python attach a lake."""

from __future__ import annotations

from pathlib import Path

from sinks.lake.connection import key_password_of
from sinks.lake.storage import Storage
from vaxel.commands.lake_attach import python_text, sql_text, statements, where_secrets_are

ADDRESS = "user=me dbname=lake host=db.example.com"
S3 = Storage(key_id="AK", secret="it's secret", endpoint="s3.example.com:9000", uses_tls=False, url_style="path")


def test_two_statements_attach_a_lake_on_disk_and_hold_no_password() -> None:
    told = statements(ADDRESS, "geheim", None, with_password=False)
    assert told == [f"ATTACH 'ducklake:postgres:{ADDRESS}' AS lake (READ_ONLY)", "USE lake"]


def test_a_password_goes_into_a_secret_with_its_quotes() -> None:
    told = statements(ADDRESS, "it's", None, with_password=True)
    assert told[0] == "CREATE SECRET vaxel_catalogue (TYPE postgres, PASSWORD 'it''s')"
    assert told[1].endswith("(META_SECRET vaxel_catalogue, READ_ONLY)")


def test_the_password_of_the_clients_key_goes_the_same_way() -> None:
    told = statements(ADDRESS, "geheim", None, with_password=True, key_password="it's")
    assert told[0] == "CREATE SECRET vaxel_catalogue (TYPE postgres, PASSWORD 'geheim', SSLPASSWORD 'it''s')"
    assert "it" not in " ".join(statements(ADDRESS, "geheim", None, with_password=False, key_password="it's"))
    assert key_password_of("host=db sslpassword='it\\'s' password=geheim") == "it's"
    assert key_password_of(ADDRESS) == ""


def test_files_on_s3_are_told_without_keys_unless_asked_for() -> None:
    told = statements(ADDRESS, "geheim", S3, with_password=False)
    assert told[:-2] == [
        "SET s3_region = 'us-east-1'",
        "SET s3_url_style = 'path'",
        "SET s3_use_ssl = false",
        "SET s3_endpoint = 's3.example.com:9000'",
    ]
    told = statements(ADDRESS, "geheim", S3, with_password=True)
    assert "KEY_ID 'AK', SECRET 'it''s secret'" in told[1]


def test_an_address_with_quotes_stays_one_text_in_sql_and_in_python() -> None:
    told = statements(r"dbname='my \'lake\''", "", None, with_password=False)
    assert sql_text(told, {}).splitlines()[0].startswith(r"ATTACH 'ducklake:postgres:dbname=''my \''lake\'''''")
    ran: list[str] = []
    lines = python_text(told, []).replace("import duckdb", "").replace("lake = duckdb.connect()", "")

    class Lake:
        execute = staticmethod(ran.append)

    exec(lines, {"lake": Lake})
    assert ran == told


def test_extensions_are_loaded_before_anything_else() -> None:
    told = statements(ADDRESS, "", None, with_password=False)
    assert sql_text(told, {"ducklake": "/it's/x"}).splitlines()[0] == "LOAD '/it''s/x';"
    code = python_text(told, ["ducklake", "postgres_scanner"])
    assert code.index("load_extension") < code.index("ATTACH")
    compile(code, "printed", "exec")


def test_where_the_password_is_names_the_file_of_a_local_stack_and_of_no_other_catalogue(tmp_path: Path) -> None:
    folder = tmp_path / "it's here"
    folder.mkdir()
    (folder / "password").write_text("geheim")
    own = where_secrets_are(ADDRESS, "geheim", folder, is_remote=False)
    assert "~/.pgpass: db.example.com:*:lake:me:PASSWORD" in own
    assert f"""export PGPASSWORD="$(cat '{tmp_path}/it'"'"'s here/password')".""" in own
    assert "geheim" not in own
    other = where_secrets_are(ADDRESS, "another", folder, is_remote=True)
    assert str(folder) not in other
    assert "--with-password" in other
    assert "AWS_ACCESS_KEY_ID" in other
