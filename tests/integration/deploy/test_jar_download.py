from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.jars import Jar, fetch_jars
from schemas.errors import OutsideError, UnreachableError


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """Address of a Maven repository on loopback that serves `tmp_path/repository`."""
    (tmp_path / "repository").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path / "repository"))) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def publish(tmp_path: Path, artifact: str, content: bytes) -> Jar:
    folder = tmp_path / "repository" / "org" / "example" / artifact / "1.0"
    folder.mkdir(parents=True)
    (folder / f"{artifact}-1.0.jar").write_bytes(content)
    return Jar("org.example", artifact, "1.0", "", hashlib.sha256(content).hexdigest(), len(content))


def test_missing_jars_are_downloaded_and_told_once(tmp_path: Path, repository: str) -> None:
    jars = [publish(tmp_path, name, name.encode() * 10_000) for name in ("one", "two", "three")]
    cache = tmp_path / "cache"
    said: list[str] = []
    paths = fetch_jars(cache, jars=jars, repository_url=repository, say=said.append)
    assert paths == [cache / jar.file_name for jar in jars]
    assert sorted(path.name for path in cache.iterdir()) == sorted(jar.file_name for jar in jars)
    assert len(said) == 1
    assert "3 jars" in said[0]


def test_jar_with_a_wrong_sum_is_refused_and_not_kept_but_the_good_ones_are(tmp_path: Path, repository: str) -> None:
    good = publish(tmp_path, "good", b"good")
    swapped = publish(tmp_path, "swapped", b"as locked")
    (tmp_path / "repository/org/example/swapped/1.0/swapped-1.0.jar").write_bytes(b"something else")
    with pytest.raises(OutsideError, match=r"wrong swapped-1\.0\.jar: sha256 [0-9a-f]{64}, kafka\.lock\.json has"):
        fetch_jars(tmp_path / "cache", jars=[good, swapped], repository_url=repository)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["good-1.0.jar"]


def test_download_goes_on_where_it_stopped(tmp_path: Path, repository: str) -> None:
    first, second = publish(tmp_path, "first", b"1"), publish(tmp_path, "second", b"2")
    served = tmp_path / "repository/org/example/second/1.0/second-1.0.jar"
    served.rename(served.with_suffix(".away"))
    with pytest.raises(UnreachableError, match=r"cannot download second-1\.0\.jar .*it is not there.*--fetch-only"):
        fetch_jars(tmp_path / "cache", jars=[first, second], repository_url=repository)
    served.with_suffix(".away").rename(served)
    said: list[str] = []
    fetch_jars(tmp_path / "cache", jars=[first, second], repository_url=repository, say=said.append)
    assert "1 jars" in said[0]


def test_no_connection_is_one_readable_line(tmp_path: Path) -> None:
    jar = Jar("org.example", "thing", "1.0", "", "0" * 64, 1)
    with pytest.raises(UnreachableError) as caught:
        fetch_jars(tmp_path, jars=[jar], repository_url="http://127.0.0.1:1")
    assert str(caught.value) == (
        "cannot download thing-1.0.jar from http://127.0.0.1:1: Connection refused. What arrived is kept; "
        "try again with a connection: vaxel up --fetch-only"
    )
