"""Where a lake is: each form of its addresses finds it, a wrong one is named without its password."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from schemas.errors import OutsideError, UnreachableError, VaxelError
from sinks.lake import connection
from sinks.lake.connection import open_reader, open_writer
from sinks.lake.sink import Settings
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake
from tests.integration.lake.test_faults import COUNTS, exactly

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def test_a_catalogue_is_found_by_each_form_of_its_address(lake: Lake) -> None:
    lake.produce(range(1))
    lake.sink(1)
    words = make_conninfo("", **conninfo_to_dict(lake.catalog))
    for form in (words, f"{lake.catalog}?sslmode=prefer&application_name=asks&connect_timeout=5"):
        assert replace(lake, catalog=form).ask(COUNTS) == exactly(ROWS_IN_A_FRAME)


def test_tls_that_is_asked_for_and_not_had_is_an_error_not_a_plain_connection(lake: Lake) -> None:
    lake.sink(0)
    address = f"{lake.catalog}?sslmode=require"
    with pytest.raises(UnreachableError, match="server does not support SSL, but SSL was required"):
        open_reader(address, lake.files)
    # DuckDB brings a libpq of its own, which speaks TLS too.
    with pytest.raises(UnreachableError, match="server does not support SSL, but SSL was required"):
        connection._open(address, lake.files, "1GB", "READ_ONLY")


def test_what_does_not_answer_is_tried_again_and_then_named_without_its_password(lake: Lake) -> None:
    told: list[str] = []
    impatient = Settings(patience_s=1.0)
    with pytest.raises(UnreachableError, match=r"Kafka at '127.0.0.1:1'"):
        replace(lake, kafka="127.0.0.1:1").sink(1, settings=impatient, tell=told.append)
    nowhere = "postgresql://vaxel:geheim@127.0.0.1:1/lake"
    with pytest.raises(UnreachableError, match="catalogue") as raised:
        replace(lake, catalog=nowhere).sink(1, settings=impatient, tell=told.append)
    with pytest.raises(UnreachableError) as read:
        open_reader(nowhere, lake.files)
    assert told
    assert "geheim" not in "".join([*told, str(raised.value), str(read.value)])


def test_an_address_that_is_none_is_refused_without_being_quoted(lake: Lake) -> None:
    with pytest.raises(VaxelError, match="expected postgresql://") as raised:
        open_reader("password=geheim and more", lake.files)
    assert "geheim" not in str(raised.value)


def test_a_lake_is_found_by_any_name_of_its_directory_and_no_other(lake: Lake, tmp_path: Path) -> None:
    lake.sink(0)
    (tmp_path / "linked").symlink_to(tmp_path / "lake")
    for name in ("linked", "lake/../lake", "lake/"):
        with open_writer(lake.catalog, f"{tmp_path}/{name}"), open_reader(lake.catalog, f"{tmp_path}/{name}") as reader:
            assert reader.execute("SELECT count(*) FROM readings_washer").fetchall() == [(0,)]
    (tmp_path / "lake").rename(tmp_path / "moved")
    with pytest.raises(OutsideError) as refused:
        open_reader(lake.catalog, f"{tmp_path}/moved")
    assert f"files are in '{tmp_path}/lake/', not in '{tmp_path}/moved'" in str(refused.value)
    (tmp_path / "lake").symlink_to(tmp_path / "moved")  # as the error says
    open_reader(lake.catalog, f"{tmp_path}/moved").close()
