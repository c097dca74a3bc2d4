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
    assert "vaxel: Paul Ek planned change set 3: somebody else with the role erp_approver approves." in done.stderr
    after = done.stdout.partition("== a second run has nothing to write")[2].partition("\n\n")[0]
    assert len(re.findall("nothing to change", after)) == 4
    assert "evidence verify" in done.stdout
    assert re.search(r"fits: \d+ lines of \d+ sessions come to", done.stdout)
    assert (tmp_path / "demo" / "evidence.json").stat().st_size > 100
    assert (tmp_path / "demo" / "usage.png").read_bytes().startswith(b"\x89PNG")
    report = (tmp_path / "demo" / "report.md").read_text()
    assert "verdict: nothing lost, nothing twice, nothing wrong" in report
    assert "$ vaxel gearbox why erp.monthly_sales" in report
    assert not (tmp_path / "demo" / "stack.json").exists()


def _shown() -> list[str]:
    """The lines of README's demo output."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"<!-- demo:.*?-->\n```text\n(.*?)```", readme, re.DOTALL)
    assert block is not None, "README shows the demo's output"
    lines = [line.rstrip() for line in block[1].splitlines() if line.strip()]
    assert len(lines) > 10
    return lines
