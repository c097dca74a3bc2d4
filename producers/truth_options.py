"""With which options a simulated run was started, beside its truth: a seed has one set of them in a data directory.

Other options are other uploads under the same numbers of the same devices, of which one is true and the others are not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import OutsideError, UsageError
from schemas.truth import TRUTH_FOLDER

OPTIONS_FILE = "options.json"

Options = Mapping[str, int | str]
"""Options that decide what the uploads are, by their names on the command line: `--seed` is one, `--days` is none."""


def keep_options(folder: Path, kind: str, options: Options) -> None:
    """Write them into the folder of a run, whole or not at all.

    Args:
        kind: Runs of another kind have other devices, whatever their seed.
    Raises:
        OutsideError: The folder cannot be written.
    """
    path = folder / OPTIONS_FILE
    unfinished = path.with_name(f"{path.name}.part")
    try:
        unfinished.write_text(json.dumps({"kind": kind, "options": dict(options)}, indent=1) + "\n", encoding="utf-8")
        unfinished.rename(path)
    except OSError as error:
        raise OutsideError(f"Cannot write the truth to {str(folder)!r}: {error.strerror or error}") from error


def require_same_options(data_dir: Path, kind: str, options: Options) -> None:
    """Raise UsageError if a run of this kind and seed was told here with other options.

    Raises:
        OutsideError: What an earlier run has kept cannot be read.
    """
    for path in sorted((data_dir / TRUTH_FOLDER).glob(f"*/{OPTIONS_FILE}")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            earlier: Options = kept["options"]
            is_same = kept["kind"] == kind and earlier["--seed"] == options["--seed"]
        except OSError as error:
            raise OutsideError(f"Cannot read {str(path)!r}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise OutsideError(f"Cannot read {str(path)!r}: it does not hold the options of a run") from error
        if is_same and dict(earlier) != dict(options):
            names = [name for name in {**options, **earlier} if earlier.get(name) != options.get(name)]
            had = " ".join(_said(name, earlier.get(name)) for name in names)
            raise UsageError(
                f"seed {options['--seed']} was simulated here with {had}: the same, another --seed or another "
                "--data-dir is accepted; others would be other uploads under the same numbers"
            )


def _said(name: str, value: int | str | None) -> str:
    """As on the command line: a name that holds a space is of an option whose value is NAME=SHARE."""
    if value is None or value == "":
        return f"no {name}"
    return f"{name}={value}" if " " in name else f"{name} {value}"
