"""`benchmarks/RESULTS.md`: one section per benchmark, each replaced as a whole by a new measurement."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS_FILE = FOLDER / "RESULTS.md"
TITLE = "# What was measured\n\nEach section is written by its command, never by hand.\n"


def write_section(name: str, body: str, results_file: Path = RESULTS_FILE) -> None:
    """Put the body under the heading `## name`, in place of what stood there, else at the end."""
    text = results_file.read_text() if results_file.exists() else TITLE
    results_file.write_text(with_section(text, name, body))


def with_section(text: str, name: str, body: str) -> str:
    """The text with one section replaced or added; the others stay as they are.

    Args:
        body: Without headings of the second level.
    """
    head, *sections = text.split("\n## ")
    kept = {section.split("\n", 1)[0]: section for section in sections}
    kept[name] = f"{name}\n\n{body.strip()}\n"
    return "\n## ".join(part.rstrip("\n") + "\n" for part in (head, *kept.values()))
