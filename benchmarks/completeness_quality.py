"""What completeness is worth, held against what of a simulated fleet was really lost.

    python -m benchmarks.completeness_quality [SEED] [WASHERS] [SHOES] [DAYS]

prints the table of a clean fleet and of one with 1 % loss, 1 % duplicates and counters that begin anew.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import numpy as np
from aiokafka import ConsumerRecord

from producers.fault_rates import declared
from producers.fleet import DAY_MS, FIRST_DAY_MS, fleet
from producers.simulation import deliveries
from producers.uploads import Delivery, Upload, encode
from schemas.desk import Completeness
from schemas.fleet import Product as Kind
from streams.batch import Place
from streams.decode import Decoder
from streams.desk.arrivals import Refused
from streams.desk.completeness import COMPLETENESS_STORES, CompletenessBook
from streams.desk.register import Register
from streams.intake import taken_in
from streams.product import PRODUCTS, SHOE, Product
from streams.state import State
from streams.step import step
from streams.store import Store

CLEAN: tuple[str, ...] = ()
LOSSY = ("lost=0.01", "duplicated=0.01", "late=0.01", "reordered=0.01")
BATCH = 2_000
TELLABLE = 0.002
"""Wh or m: less than counters show."""

Month = tuple[str, date]
Number = tuple[str, int]


FLEETS: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("clean", CLEAN, 0),
    ("1 % lost, 1 % twice, late, reordered", LOSSY, 0),
    ("the same, counters reset", LOSSY, 20),
)
"""Name of each fleet, its faults, and the counters of every how many-th device begin anew half-way."""


@dataclass(frozen=True)
class Quality:
    """Verdicts on months of devices against the truth.

    Attributes:
        verdicts: How often each was given.
        found, false, missed: Of gaps.
        resets_found, resets_false: Of counters that began anew.
        wrong_amounts, wrong_numbers: Months that say another amount or number of uploads missing than was lost.
        device_bytes: State of stage 1 and of completeness, per device that sent anything.
    """

    months: int
    verdicts: Counter[str]
    found: int = 0
    false: int = 0
    missed: int = 0
    resets: int = 0
    resets_found: int = 0
    resets_false: int = 0
    wrong_amounts: int = 0
    wrong_numbers: int = 0
    device_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        return self.found / (self.found + self.false) if self.found + self.false else 1.0

    @property
    def recall(self) -> float:
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0


def quality(
    seed: int, washers: int, shoes: int, days: int, faults: Sequence[str] = LOSSY, reset_every: int = 0
) -> Quality:
    """Uploads of a fleet through both stages, and what was said of them.

    Args:
        reset_every: The counters of every so many-th device begin anew half-way; 0 for none.
    """
    rates = declared(faults, is_rest_without=True)
    made = fleet(seed, washers, shoes, FIRST_DAY_MS, days)
    reset = {device.device_id for device in made.devices[::reset_every]} if reset_every else set()
    sent, begun = _with_resets(deliveries(made, rates), reset, FIRST_DAY_MS + days * DAY_MS // 2)
    facts, device_bytes = _told(sent, FIRST_DAY_MS + days * DAY_MS)
    return replace(_compared(sent, begun, facts), device_bytes=device_bytes)


def _with_resets(sent: Iterable[Delivery], devices: set[str], from_ms: int) -> tuple[list[Delivery], set[Number]]:
    """The same, and numbers of the uploads whose counters began anew: what they stood at when the time came is gone."""
    made: list[Delivery] = []
    begun: set[Number] = set()
    stood_at: dict[str, dict[str, float]] = {}
    for delivery in sent:
        upload = delivery.upload
        if upload.device_id not in devices or delivery.due_ms < from_ms or not delivery.intact:
            made.append(delivery)
            continue
        said = json.loads(upload.value)
        names = [name for name, value in said.items() if name.startswith("lifetime_") and value is not None]
        base = stood_at.setdefault(upload.device_id, {name: said[name] for name in names})
        said |= {name: max(0, round(said[name] - base.get(name, said[name]), 3)) for name in names}
        made.append(replace(delivery, upload=(again := replace(upload, value=encode(said))), value=again.value))
        begun.add((upload.device_id, upload.seq))
    return made, begun


def _told(sent: list[Delivery], now_ms: int) -> tuple[list[Completeness], dict[str, int]]:
    book = CompletenessBook(stores := {name: Store(dtype) for name, dtype in COMPLETENESS_STORES.items()})
    slots: dict[str, int] = {}

    def slot_of(device_id: str) -> int:
        return slots.setdefault(device_id, len(slots))

    stage_one = 0
    for product in PRODUCTS:
        state, decoder = State(product), Decoder(product.versions)
        own = [delivery for delivery in sent if delivery.upload.topic == product.telemetry and not delivery.is_lost]
        for first in range(0, len(own), BATCH):
            _take(product, state, decoder, own[first : first + BATCH], first, book, slot_of)
            state.tidy()
        stage_one += sum(len(store) * store.row_bytes for store in state.stores.values())
    names = list(slots)
    kept = sum(len(store) * store.row_bytes for store in stores.values())
    facts = book.told(now_ms, Register(), names.__getitem__, 0)
    return facts, {"stream": stage_one // len(names), "completeness": kept // len(names)}


def _take(
    product: Product,
    state: State,
    decoder: Decoder,
    sent: list[Delivery],
    first: int,
    book: CompletenessBook,
    slot_of: Callable[[str], int],
) -> None:
    records = [
        ConsumerRecord("t", 0, at, one.due_ms + 5, 1, one.upload.device_id.encode(), one.value, None, 0, 0, ())
        for at, one in enumerate(sent, first)
    ]
    batch, unreadable = taken_in(decoder, Place(product.telemetry, 0), records)
    said = step(product, state, batch, unreadable)
    kind: Kind = "shoe" if product is SHOE else "washer"
    refused = [
        Refused(one.device_id, kind, one.seq, one.reason, one.field, one.found, one.accepted, one.received_at_ms)
        for one in said.failed
        if one.device_id
    ]
    slot = np.array([slot_of(name) for name in said.receipts.column("device_id").to_pylist()], dtype=np.int64)
    book.take(slot, said.receipts, refused, slot_of)


def _compared(sent: list[Delivery], begun: set[Number], facts: list[Completeness]) -> Quality:
    amounts, numbers = _truth(sent, begun)
    reset = {device_id for device_id, _ in begun}
    counts: Counter[str] = Counter()
    for fact in facts:
        key = fact.device_id, fact.month
        is_gap = amounts[key] > TELLABLE
        if fact.verdict == "reset":
            counts["resets_found" if fact.device_id in reset else "resets_false"] += 1
        elif fact.verdict == "gap":
            counts["found" if is_gap else "false"] += 1
        elif is_gap:
            counts["missed"] += 1
        counts["wrong_amounts"] += abs(fact.missing - amounts[key]) > 10 * TELLABLE
        counts["wrong_numbers"] += fact.missing_uploads != numbers[key]
    return Quality(
        months=len(facts),
        verdicts=Counter(fact.verdict for fact in facts),
        found=counts["found"],
        false=counts["false"],
        missed=counts["missed"],
        resets=len(reset),
        resets_found=counts["resets_found"],
        resets_false=counts["resets_false"],
        wrong_amounts=counts["wrong_amounts"],
        wrong_numbers=counts["wrong_numbers"],
    )


def _truth(sent: list[Delivery], begun: set[Number]) -> tuple[dict[Month, float], dict[Month, int]]:
    """What was lost between two uploads that came, in the month of the later one: amounts, and how many uploads."""
    amounts: dict[Month, float] = defaultdict(float)
    numbers: dict[Month, int] = defaultdict(int)
    made: dict[str, dict[int, Upload]] = defaultdict(dict)
    came = set()
    for delivery in sent:
        upload = delivery.upload
        made[upload.device_id].setdefault(upload.seq, upload)
        if not delivery.is_lost and delivery.intact and (upload.device_id, upload.seq) not in begun:
            came.add((upload.device_id, upload.seq))
    for device_id, uploads in made.items():
        before: Upload | None = None
        between: list[Upload] = []
        for seq in sorted(uploads):
            upload = uploads[seq]
            if (device_id, seq) not in came:
                between.append(upload)
                continue
            said = json.loads(upload.value)
            month = datetime.fromtimestamp(said["sent_at_ms"] / 1000, UTC).date().replace(day=1)
            if before is not None and between:
                numbers[device_id, month] += len(between)
                if json.loads(before.value).get("board_no") == said.get("board_no"):
                    amounts[device_id, month] += _lost(before, between, upload)
            before, between = upload, []
    return amounts, numbers


def _lost(before: Upload, between: list[Upload], after: Upload) -> float:
    """Wh or m that nobody can know of; a run's next upload tells how far the run had come."""
    if before.topic.startswith("telemetry.washer"):
        return sum(upload.part.amount for upload in between if upload.part)
    furthest: dict[int, float] = {}
    for upload in between:
        part = upload.part
        if part is not None and (after.part is None or after.part.session is not part.session):
            told = before.part.amount if before.part and before.part.session is part.session else 0.0
            furthest[id(part.session)] = part.amount - told
    return sum(furthest.values())


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    defaults = ("2", "100", "100", "60")
    seed, washers, shoes, days = (int(text) for text in [*arguments, *defaults[len(arguments) :]])
    print("| fleet | months | gaps | precision | recall | resets found | wrong amounts | wrong numbers | B a device |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|---|")  # noqa: T201
    for name, faults, every in FLEETS:
        of = quality(seed, washers, shoes, days, faults, every)
        resets = f"{of.resets_found} of {of.resets}" + (f", {of.resets_false} false" if of.resets_false else "")
        row = (name, of.months, of.found + of.missed, f"{of.precision:.3f}", f"{of.recall:.3f}", resets)
        size = f"{of.device_bytes['stream']:,} + {of.device_bytes['completeness']:,}"
        print("|", " | ".join(map(str, [*row, of.wrong_amounts, of.wrong_numbers, size])), "|")  # noqa: T201
        print(f"verdicts: {dict(of.verdicts)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
