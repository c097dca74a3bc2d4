"""A limit on the share of refused uploads: a bad roll-out has to stop, not to fill the failed events. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

WINDOW_UPLOADS = 10_000


class RefusedShare:
    """The share of refused uploads among the newest `WINDOW_UPLOADS` or somewhat more.

    Args:
        limit: Share in 0..1 that may be refused; 1 allows everything.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._batches: deque[tuple[int, Counter[str]]] = deque()
        self._uploads = 0
        self._refused: Counter[str] = Counter()

    def share(self) -> float:
        """Refused uploads by all uploads in the window; 0 without any."""
        return self._refused.total() / self._uploads if self._uploads else 0.0

    def excess(self, uploads: int, refused: Mapping[str, int]) -> str | None:
        """Take note of a batch; a sentence if the window is full and its share above the limit, else None.

        Args:
            refused: Number of refused uploads by reason.
        """
        self._batches.append((uploads, Counter(refused)))
        self._uploads += uploads
        self._refused.update(refused)
        while self._uploads - self._batches[0][0] >= WINDOW_UPLOADS:
            gone, gone_refused = self._batches.popleft()
            self._uploads -= gone
            self._refused.subtract(gone_refused)
        if self._uploads < WINDOW_UPLOADS or self.share() <= self._limit:
            return None
        reason, count = self._refused.most_common(1)[0]
        return (
            f"{self.share():.0%} of the last {self._uploads:,} uploads were refused, {self._limit:.0%} are allowed; "
            f"most often ({count:,}): {reason}. If that is right, start with a higher --max-refused-share"
        )
