"""What `vaxel bench gearbox` measured: as a table, as JSON, as a section of `RESULTS.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.gearbox import SHAPES, Measured
from benchmarks.gearbox_course import CHUNK_ROWS, ROWS_PER_S, STEPS
from benchmarks.jdbc_sink import SINKS
from benchmarks.jdbc_sink_jars import CONNECT_VERSION, SINK_VERSION

HEADINGS = ("contender", "step", "seconds", "spread", "rows", "fields", "rows/s", "fields/s", "answer")
GUARANTEES = ("", "gearbox", SINKS[0].name)
PLAN_GOAL_S = 10.0
APPLY_GOAL_PER_S = 20_000
WHOLE = ("plan", "plan one", "no-op", "plan three")
"""Steps that look at every row of the table."""
WRITING = ("apply one", "undo", "apply three")
_OF_SHAPE = {"one": "one field a row", "three": "three fields a row"}


@dataclass(frozen=True)
class Figure:
    """One line: the runs of one step of one contender.

    Attributes:
        rows: That were looked at or written, and the fields of them that were found to differ or written; of each run.
        writes: Whether it is the pace of writing that counts.
    """

    contender: str
    step: str
    seconds: Sequence[float]
    rows: Sequence[int]
    fields: Sequence[int]
    writes: bool
    wrong: str

    @property
    def median_s(self) -> float | None:
        """None: the answer is wrong."""
        return None if self.wrong else median(self.seconds)

    @property
    def fields_per_s(self) -> float | None:
        """None: nothing is written, or wrongly."""
        if self.wrong or not self.writes:
            return None
        return median(fields / seconds for fields, seconds in zip(self.fields, self.seconds, strict=True))

    @property
    def rows_per_s(self) -> float | None:
        """None: the answer is wrong."""
        if self.wrong:
            return None
        return median(rows / seconds for rows, seconds in zip(self.rows, self.seconds, strict=True))


def figures(measured: Measured) -> list[Figure]:
    """All lines: the gearbox's steps in order, then each sink."""
    found = []
    for place, name in enumerate(STEPS):
        steps = [run.steps[place] for run in measured.gearbox]
        rows = [measured.size.rows if name in WHOLE else step.rows for step in steps]
        wrong = next((step.wrong for step in steps if step.wrong), "")
        fields, seconds = [step.changes for step in steps], [step.seconds for step in steps]
        found.append(Figure("gearbox", STEPS[name], seconds, rows, fields, name in WRITING, wrong))
    for sink in SINKS:
        for shape, count in SHAPES.items():
            runs = [run for run in measured.sinks if (run.sink, run.shape) == (sink.name, shape)]
            wrong = next((run.wrong for run in runs if run.wrong), "")
            step = f"upsert, {_OF_SHAPE[shape]} changed"
            seconds = [run.committed.seconds for run in runs]
            rows, fields = [run.rows for run in runs], [run.changes for run in runs]
            found.append(Figure(sink.name, step, seconds, rows, fields, True, wrong))
            going = [run.committed for run in runs if run.committed.sustained_s]
            if going:
                rows = [one.sustained_rows for one in going]
                seconds, fields = [one.sustained_s for one in going], [count * one for one in rows]
                found.append(Figure(sink.name, f"{step}, from its first commit on", seconds, rows, fields, True, wrong))
    return found


def table(measured: Measured) -> list[tuple[str, ...]]:
    """The lines as text, without the heading."""
    return [
        (
            one.contender,
            one.step,
            "WRONG" if one.median_s is None else f"{one.median_s:.2f}",
            f"{min(one.seconds):.2f}-{max(one.seconds):.2f}",
            f"{median(one.rows):,.0f}",
            f"{median(one.fields):,.0f}",
            _pace(one.rows_per_s),
            _pace(one.fields_per_s),
            one.wrong or "right",
        )
        for one in figures(measured)
    ]


def _pace(per_s: float | None) -> str:
    return "-" if per_s is None else f"{per_s:,.0f}"


def guarantees(measured: Measured) -> list[tuple[str, str, str]]:
    """What each gives beside its speed; the last line was measured."""
    ours = [run.edits for run in measured.gearbox]
    theirs = [run.edits for run in measured.sinks]
    return [
        ("writes only fields that differ", "yes", "no: every column of every record"),
        ("a person approves before anything moves", "yes, bound to the content", "no"),
        ("audit of each field, before and after, chained", "yes", "no"),
        ("can be taken back", "yes, as a change set", "no"),
        ("limits, pace, freezes, windows", "yes", "no"),
        ("after a crash", "each change written at most once, its outcome found out", "at least once"),
        (
            "figures that people set meanwhile and that stand",
            f"{min(one.standing for one in ours)} of {ours[0].made}",
            f"{max(one.standing for one in theirs)} of {theirs[0].made}",
        ),
    ]


def remarks(measured: Measured) -> list[str]:
    """A sentence for each goal; and what is wrong."""
    by_step = {one.step: one for one in figures(measured) if one.contender == "gearbox"}
    plan, nothing = by_step[STEPS["plan"]], by_step[STEPS["no-op"]]
    told = [
        f"plan of {measured.size.rows:,} rows of which 1 % differ: {_seconds(plan.median_s)} (goal: 1,000,000 rows in "
        f"less than {PLAN_GOAL_S:.0f} s)",
        *(
            f"{STEPS[name]}, with its audit: {_pace(by_step[STEPS[name]].fields_per_s)} fields/s (goal: "
            f"{APPLY_GOAL_PER_S:,})"
            for name in WRITING
        ),
        f"a run that finds no difference: {_seconds(nothing.median_s)}, no change set, 0 rows written",
    ]
    return told + [f"{one.contender}, {one.step}: WRONG: {one.wrong}" for one in figures(measured) if one.wrong]


def _seconds(value: float | None) -> str:
    return "WRONG" if value is None else f"{value:.2f} s"


def as_json(measured: Measured) -> dict[str, object]:
    """Everything, for programs."""
    lines = [
        {**asdict(one), "median_s": one.median_s, "rows_per_s": one.rows_per_s, "fields_per_s": one.fields_per_s}
        for one in figures(measured)
    ]
    return {"figures": lines, "is_right": measured.is_right, **asdict(measured)}


def markdown(measured: Measured, machine: Mapping[str, str]) -> str:
    """The section of `RESULTS.md`."""
    size = measured.size
    told = [
        f"`vaxel bench gearbox --write`. ERP's sales figures, {size.rows:,} rows, and {size.changes:,} fields of them "
        "that are written: one field of as many rows, or three fields of a third of them. PostgreSQL as it comes, "
        "durable (`fsync` and `synchronous_commit` on); each run has a fresh copy of the same database. Median of "
        f"{size.runs} {'run' if size.runs == 1 else 'runs'}, contenders by turns. After each step the whole table was "
        "compared with what it shall be; a wrong answer has no speed.",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        f"- PostgreSQL {measured.postgres}; Debezium JDBC sink {SINK_VERSION} in Kafka Connect {CONNECT_VERSION}",
        "- gearbox: plan: read the whole target, compare it with what a model gave (the model's own time is not in "
        "it), judge each change, keep the set in the ledger with its hash. Apply, after a person's approval: each "
        "field judged anew, compared with what was planned upon and written in chunks of "
        f"{CHUNK_ROWS:,} rows, a transaction of ERP each, with a row of the audit for each field; the flow's limit was "
        f"raised to {ROWS_PER_S:,} rows/s. One process",
        *(f"- {sink.name}: {sink.told}; one task, a fresh JVM each run" for sink in SINKS),
        "- the sink's records are whole rows, JSON with its schema, and lie in Kafka before anything is timed; seconds "
        "go from its task running to the last commit, told by PostgreSQL (`track_commit_timestamp`)",
        *(f"- {remark}" for remark in remarks(measured)),
        "",
        _markdown_line(HEADINGS),
        _markdown_line(("---", "---", *["---:"] * 6, "---")),
        *(_markdown_line(line) for line in table(measured)),
        "",
        "What is had for it:",
        "",
        _markdown_line(GUARANTEES),
        _markdown_line(["---"] * len(GUARANTEES)),
        *(_markdown_line(line) for line in guarantees(measured)),
    ]
    return "\n".join(told)


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
