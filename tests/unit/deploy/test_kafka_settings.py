"""Paths of any name reach Kafka as they are."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from deploy.kafka import Kafka, java_properties
from deploy.layout import create, layout_of
from schemas.errors import UsageError


def test_properties_are_read_by_java_as_they_were_meant() -> None:
    """`java.util.Properties.load` reads ISO-8859-1, with escapes of UTF-16 code units; a backslash begins an escape."""
    written = java_properties({"log.dirs": "/home/jürgen år/😀\\x", "node.id": "1", "padded": " x"})
    assert written == ("log.dirs=/home/j\\u00fcrgen \\u00e5r/\\ud83d\\ude00\\\\x\nnode.id=1\npadded=\\u0020x\n")


def test_settings_and_logging_of_a_directory_of_any_name_are_well_formed(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / 'jürgen & "år" <1>%')
    create(layout, least_free_bytes=0)
    command = Kafka(layout, Path("java"), (), 1, 2).command()
    (logging,) = (part for part in command.arguments if part.startswith("-Dlog4j2.configurationFile="))
    assert logging.endswith("/j%C3%BCrgen%20%26%20%22%C3%A5r%22%20%3C1%3E%25/log4j2.xml")
    tree = ElementTree.parse(layout.data_dir / "log4j2.xml")
    assert [file.get("fileName") for file in tree.iter("RollingFile")] == [str(layout.log("kafka"))]
    assert [file.get("filePattern") for file in tree.iter("RollingFile")] == [
        f"{layout.log('kafka')}".replace("%", "%%") + ".%i"
    ]
    assert command.variables["LC_ALL"] == "C.UTF-8"  # else Java spells the names of files in ASCII


def test_a_comma_in_the_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a path without a comma is accepted"):
        create(layout_of(tmp_path / "a,b"), least_free_bytes=0)
    assert not (tmp_path / "a,b").exists()
