"""Apache Kafka's jars: resolved once into a committed lock file, then downloaded by name and sum.

`python -m deploy.jars` resolves anew and writes the lock. Everything else takes only what the lock names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from schemas.errors import OutsideError, UnreachableError, UsageError

LOCK_FILE = Path(__file__).with_name("kafka.lock.json")
ROOTS = (
    ("org.apache.kafka", "kafka_2.13", "4.1.1"),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),  # without it the broker logs nothing
)
DOWNLOADS_AT_ONCE = 8
ATTEMPTS = 3


@dataclass(frozen=True, order=True)
class Jar:
    """One locked file of a Maven repository; `classifier` is empty for most."""

    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """Its name in the cache, as Maven spells it."""
        return "-".join(part for part in (self.artifact, self.version, self.classifier) if part) + ".jar"


def read_lock(lock_file: Path = LOCK_FILE) -> list[Jar]:
    """The locked jars, sorted.

    Raises:
        UsageError: the file is not a lock file, or two of its jars would have the same file name.
    """
    try:
        jars = sorted(Jar(**row) for row in json.loads(lock_file.read_text())["jars"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"cannot read {lock_file}: {error!r}. Write it anew: python -m deploy.jars") from error
    names = [jar.file_name for jar in jars]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"{lock_file} names {', '.join(sorted(twice))} twice. Write it anew: python -m deploy.jars")
    return jars


def default_cache(environ: Mapping[str, str]) -> Path:
    """Where jars are kept for this user, shared by all checkouts: $XDG_CACHE_HOME/vaxel/jars."""
    chosen = environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "vaxel" / "jars"


def fetch_jars(
    cache_dir: Path,
    *,
    jars: list[Jar] | None = None,
    repository_url: str | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> list[Path]:
    """Paths of all locked jars, in the lock's order; only the missing ones are downloaded, a few at a time.

    What arrived stays when the rest fails, so the next call goes on from there. Without a missing jar nothing is
    asked of the network.

    Args:
        jars: None for what the committed lock names.
        repository_url: A Maven repository; None for Maven Central.
        say: Gets a line before a download.

    Raises:
        UnreachableError: a jar cannot be downloaded.
        OutsideError: a jar in the cache or from the repository is not the locked one, or the cache cannot be used.
    """
    wanted = read_lock() if jars is None else jars
    try:
        missing = [jar for jar in wanted if not _is_cached(jar, cache_dir)]
        if missing:
            megabytes = sum(jar.size_bytes for jar in missing) / 1e6
            say(f"downloading {len(missing)} jars ({megabytes:.0f} MB) to {cache_dir}")
            cache_dir.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
                list(pool.map(partial(_download, cache_dir=cache_dir, repository_url=repository_url), missing))
    except OSError as error:
        raise OutsideError(f"cannot keep Kafka's jars in {cache_dir}: {error}. Choose XDG_CACHE_HOME") from error
    return [cache_dir / jar.file_name for jar in wanted]


def _is_cached(jar: Jar, cache_dir: Path) -> bool:
    path = cache_dir / jar.file_name
    if not path.is_file():
        return False
    if _sha256(path) != jar.sha256:
        raise OutsideError(
            f"{path} is not the jar that {LOCK_FILE.name} names: its sha256 differs. Remove it and retry"
        )
    return True


def _download(jar: Jar, cache_dir: Path, repository_url: str | None) -> None:
    """Put one jar into the cache: 1 download aside, 2 compare the sum, 3 rename; a broken download leaves nothing."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=cache_dir) as aside:
        path = _download_from_maven(jar, Path(aside), repository_url)
        found = _sha256(path)
        if found != jar.sha256:
            raise OutsideError(
                f"the repository sent a wrong {jar.file_name}: sha256 {found}, {LOCK_FILE.name} has {jar.sha256}"
            )
        path.replace(cache_dir / jar.file_name)


def _download_from_maven(jar: Jar, aside: Path, repository_url: str | None) -> Path:
    import requests  # noqa: PLC0415  (a tenth of a second that an offline start does not pay)
    from jgo.maven import MavenContext  # noqa: PLC0415

    remote = None if repository_url is None else {"repository": repository_url}
    context = MavenContext(repo_cache=aside, remote_repos=remote, timeout=30)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact(classifier=jar.classifier)
    for attempt in range(1, ATTEMPTS + 1):
        shutil.rmtree(aside / jar.group.split(".")[0], ignore_errors=True)  # half a file of the attempt before
        try:
            return Path(artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            if attempt == ATTEMPTS:
                source = "Maven Central" if repository_url is None else repository_url
                raise UnreachableError(
                    f"cannot download {jar.file_name} from {source}: {_reason(error)}. What arrived is kept; "
                    "try again with a connection: vaxel up --fetch-only"
                ) from error
    raise AssertionError("the loop returns or raises")


def _reason(error: Exception) -> str:
    """The last words of a nested network error, which are the ones a person understands."""
    if "not found in remote" in str(error):
        return "it is not there"
    system_error = re.search(r"\[Errno -?\d+\] ([^)\"']+)", str(error))
    words = system_error[1] if system_error else str(error).rsplit(": ", 1)[-1]
    return words.strip("')\" ") or type(error).__name__


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resolve(roots: Sequence[tuple[str, str, str]] = ROOTS) -> list[Jar]:
    """The jars that the roots need at run time, with the sums of what Maven Central has now.

    Each root is resolved by itself: resolved together, log4j's own wishes would bring a Kafka client of 3.8 along.
    Where two roots need different versions, the first root's wins.
    """
    from jgo.maven import Dependency, MavenContext  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository), timeout=30)
        artifacts: dict[tuple[str, str, str], Any] = {}
        for group, name, version in roots:
            root = Dependency(context.project(group, name).at_version(version).artifact(), scope="compile")
            inputs, transitive = context.resolver.resolve([root])
            for artifact in (dependency.artifact for dependency in inputs + transitive):
                if artifact.packaging == "jar":
                    artifacts.setdefault((artifact.groupId, artifact.artifactId, artifact.classifier or ""), artifact)
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            paths = list(pool.map(lambda artifact: Path(artifact.resolve()), artifacts.values()))
        return sorted(
            Jar(group, name, artifact.version, classifier, _sha256(path), path.stat().st_size)
            for ((group, name, classifier), artifact), path in zip(artifacts.items(), paths, strict=True)
        )


def write_lock(jars: list[Jar], lock_file: Path = LOCK_FILE, written_by: str = "python -m deploy.jars") -> None:
    """Replace the lock file, one jar a line.

    Args:
        written_by: The command that writes it.
    """
    rows = ",\n".join(f"  {json.dumps(asdict(jar))}" for jar in jars)
    aside = lock_file.with_suffix(f".{os.getpid()}")
    aside.write_text(f'{{"written_by": "{written_by}", "jars": [\n{rows}\n]}}\n')
    aside.replace(lock_file)


if __name__ == "__main__":
    write_lock(resolve())
