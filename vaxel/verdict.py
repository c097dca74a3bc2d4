"""What `vaxel verify` found."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

EXAMPLES = 5


@dataclass(frozen=True)
class Verdict:
    """What verify found. `is_clean` tells what must be 0.

    Attributes:
        sent: Records in the telemetry topics, and records that the truth says Kafka acknowledged.
        gone: Outcomes of records that Kafka no longer holds and no truth tells; they were sent as well.
        lost_before: Uploads that were lost on their way to Kafka, by the truth; nobody downstream can know of them.
        let_in: Uploads in a wrong unit that were accepted, before their firmware was held. Their figures are wrong, and
            so are those of their sessions.
        untold: Accepted uploads that no truth tells: of real devices, or of a simulation that was killed outright.
            Places and sums are checked for them as for all; their content has nothing to be held against.
        killed_runs: Simulations and replays that did not tell the whole truth because they were killed, or are under
            way.
        lost: Records without any outcome, uploads never accepted (a duplicate of nothing too), accepted uploads with
            readings missing, duplicates whose bytes are not the ones accepted under their number. Not those that never
            reached Kafka.
        twice: Records with two outcomes, uploads accepted twice, readings beyond those sent.
        misjudged: Intact uploads refused, broken ones let in, outcomes of records that were never sent, uploads of
            a device in the truth that the truth does not know, refused bytes that are not the ones sent; and accepted
            uploads with another material than the truth tells of their device, sent at an instant that cannot be,
            or, in a session, with another last reading, energy or distance than the truth tells. An intact upload
            may be refused as late where its very bytes were accepted before; else it is misjudged, not lost: its
            readings are in no session, but its bytes are kept with the reason.
        waiting: Uploads that no worker has committed yet; they count as lost until `vaxel run --until-idle`.
        sessions_wrong: Sessions missing, invented, or with other numbers, product or programme than the truth tells of
            their accepted uploads. Invented is, whatever the truth tells, a session without any accepted upload of its
            device and number, and of a power curve also one that shares time with another.
        sums_wrong: Sessions whose energy, distance, peak, water, means or count are not those of their readings, and
            uploads with a reading whose energy is not its power times its span.
        record_rows_wrong: Rows in the record systems whose fields differ from what the truth gives.
        record_changes_waiting: Fields there that the gearbox would change: not applied yet, or held back. They were not
            compared.
        record_fields_edited: Fields there that somebody else set since the gearbox wrote them; neither were they, but
            for amounts of invoice lines: an invoice has to come to what use costs, whoever set it. Where it does not,
            the line is named, with what was planned and what it holds.
        records_skipped: Why record rows were not compared with the truth; None when they were, or there are none.
        usage_checked: Sessions whose owner was compared with the truth of who had the device when they began.
        usage_unknown: Sessions of devices that no record system told of.
        usage_wrong: Sessions over that nobody was told of, or not as they are known now, or as somebody else's use.
        usage_skipped: Why usage was not compared; None when it was.
        examples: For each count that is not 0, a few of the cases.
    """

    sent: int
    gone: int
    lost_before: int
    let_in: int
    untold: int
    killed_runs: list[str]
    waiting: int
    accepted: int
    failed: int
    duplicates: int
    lost: int
    twice: int
    misjudged: int
    sessions_expected: int
    sessions_wrong: int
    sums_wrong: int
    record_rows_checked: int
    record_rows_wrong: int
    record_changes_waiting: int
    record_fields_edited: int
    records_skipped: str | None
    usage_checked: int
    usage_unknown: int
    usage_wrong: int
    usage_skipped: str | None
    examples: dict[str, list[str]] = field(default_factory=dict)

    def is_clean(self) -> bool:
        """Whether nothing is lost, twice or wrong."""
        wrong = (self.sessions_wrong, self.sums_wrong, self.record_rows_wrong, self.usage_wrong)
        return not any((self.lost, self.twice, self.misjudged, *wrong))

    def asdict(self) -> dict[str, object]:
        """By name, as --json prints it."""
        return asdict(self)
