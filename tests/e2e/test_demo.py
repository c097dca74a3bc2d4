"""`vaxel demo` as a newcomer runs it, held against what README shows of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST_S = 600


@pytest.mark.kafka
@pytest.mark.postgres
def test_the_demo_prints_what_readme_shows_and_leaves_report_and_picture(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vaxel", "demo", "--data-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    printed = {line.rstrip() for line in done.stdout.splitlines()}
    assert [line for line in _shown() if line not in printed] == []
    assert "== the fields of CRM that were changed, as the audit tells" in printed
    assert {f"{flow}: 0 changes in 0 rows written" for flow in ("crm.customer_usage", "erp.sales_usage")} <= printed
    assert (tmp_path / "demo" / "usage.png").read_bytes().startswith(b"\x89PNG")
    report = (tmp_path / "demo" / "report.md").read_text()
    assert "verdict: nothing lost, nothing twice, nothing wrong" in report
    assert not (tmp_path / "demo" / "stack.json").exists()


def _shown() -> list[str]:
    """The lines of README's demo output."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"<!-- demo:.*?-->\n```text\n(.*?)```", readme, re.DOTALL)
    assert block is not None, "README shows the demo's output"
    lines = [line.rstrip() for line in block[1].splitlines() if line.strip()]
    assert len(lines) > 10
    return lines
