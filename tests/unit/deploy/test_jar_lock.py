from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from deploy.jars import Jar, default_cache, fetch_jars, read_lock, write_lock
from schemas.errors import OutsideError, UsageError

NO_REPOSITORY = "http://127.0.0.1:1/"


def a_jar(artifact: str = "thing", content: bytes = b"jar", classifier: str = "") -> Jar:
    return Jar("org.example", artifact, "1.0", classifier, hashlib.sha256(content).hexdigest(), len(content))


def test_committed_lock_holds_one_kafka_and_its_logging() -> None:
    jars = {jar.artifact: jar for jar in read_lock()}
    ours = {jar.version for jar in jars.values() if jar.group == "org.apache.kafka"}
    assert ours == {"4.1.1"}
    assert {"kafka_2.13", "kafka-clients", "log4j-slf4j-impl", "log4j-core"} <= jars.keys()
    assert all(len(jar.sha256) == 64 and jar.size_bytes > 0 for jar in jars.values())


def test_lock_reads_back_what_was_written(tmp_path: Path) -> None:
    jars = [a_jar("b"), a_jar("a", classifier="linux")]
    write_lock(jars, tmp_path / "lock.json")
    assert read_lock(tmp_path / "lock.json") == sorted(jars)
    assert [path.name for path in tmp_path.iterdir()] == ["lock.json"]


def test_classifier_is_part_of_the_file_name() -> None:
    assert a_jar(classifier="linux").file_name == "thing-1.0-linux.jar"
    assert a_jar().file_name == "thing-1.0.jar"


@pytest.mark.parametrize("content", ["", "{}", '{"jars": [{"group": "g"}]}', '{"jars": 3}'])
def test_file_that_is_no_lock_is_refused_with_the_command_that_writes_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lock.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"lock\.json.*python -m deploy\.jars"):
        read_lock(path)


def test_two_jars_of_one_name_are_refused(tmp_path: Path) -> None:
    row = {"group": "g", "artifact": "a", "version": "1", "classifier": "", "sha256": "0", "size_bytes": 1}
    path = tmp_path / "lock.json"
    path.write_text(json.dumps({"jars": [row, row | {"group": "h"}]}))
    with pytest.raises(UsageError, match=r"a-1\.jar twice"):
        read_lock(path)


def test_complete_cache_needs_no_network(tmp_path: Path) -> None:
    jar = a_jar()
    (tmp_path / jar.file_name).write_bytes(b"jar")
    said: list[str] = []
    assert fetch_jars(tmp_path, jars=[jar], repository_url=NO_REPOSITORY, say=said.append) == [tmp_path / jar.file_name]
    assert said == []


def test_wrong_jar_in_the_cache_is_refused_by_name(tmp_path: Path) -> None:
    jar = a_jar()
    (tmp_path / jar.file_name).write_bytes(b"changed")
    with pytest.raises(OutsideError, match=r"thing-1\.0\.jar is not the jar"):
        fetch_jars(tmp_path, jars=[jar], repository_url=NO_REPOSITORY)


def test_cache_is_the_users_and_follows_xdg() -> None:
    assert default_cache({"XDG_CACHE_HOME": "/c"}) == Path("/c/vaxel/jars")
    assert default_cache({}) == default_cache({"XDG_CACHE_HOME": ""}) == Path.home() / ".cache/vaxel/jars"


def test_cache_that_cannot_be_looked_at_is_named_with_what_to_choose(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"cannot keep Kafka's jars in .*Choose XDG_CACHE_HOME"):
        fetch_jars(tmp_path / ("x" * 300), jars=[a_jar()], repository_url=NO_REPOSITORY)
