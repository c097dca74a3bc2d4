"""What the command line loads, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys


def test_help_imports_no_stage() -> None:
    stages = ("deploy", "streams", "sinks", "producers", "confluent_kafka", "duckdb", "faust", "numpy", "psycopg")
    program = (
        "import sys; from vaxel.__main__ import run; run(['--help']); "
        f"print([name for name in {stages!r} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"
