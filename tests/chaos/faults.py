"""What can be done to workers and broker under load, and in which order it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from tests.chaos.drill import Drill

FIRST_SLOTS = (0, 1, 2)
MORE_SLOTS = (3, 4)
CRASH_POINTS = {
    "streams.after-fence": 1,
    "streams.after-recall": 1,
    "streams.after-outputs": 9,
    "streams.before-commit": 5,
    "streams.after-commit": 5,
    "streams.after-shown": 3,
}
"""Points between the numbered steps of `streams.checkpoint`, and how often one is passed at most before it kills."""

Fault = Callable[[Drill], None]


def kill(drill: Drill) -> None:
    """Kill a worker at any moment, also one that has only just begun."""
    slot = drill.some_worker()
    drill.tell(f"worker {slot} is killed")
    drill.kill(slot)
    drill.done["kill"] += 1
    drill.pause(drill.rng.uniform(0.5, 3.0))


def kill_all(drill: Drill) -> None:
    """Kill all workers at once, none of which is about to die anyway."""
    drill.until(lambda: not drill.armed, "armed workers die")
    drill.tell("all workers are killed")
    for slot in drill.workers:
        drill.kill(slot)
    drill.done["kill_all"] += 1
    drill.pause(drill.rng.uniform(3.0, 5.0))


def crash_at(point: str, drill: Drill) -> None:
    """Start a worker that will die at a point between two steps, while other things go on."""
    slot = drill.some_worker()
    armed = f"{point}@{drill.rng.randint(1, CRASH_POINTS[point])}"
    drill.tell(f"worker {slot} is killed and armed with {armed}")
    drill.kill(slot)
    drill.start(slot, armed)
    drill.pause(drill.rng.uniform(0.5, 3.0))


def kill_broker(drill: Drill) -> None:
    """Kill the broker, and start it again on the same data."""
    broker = drill.broker
    assert broker is not None
    drill.tell("the broker is killed")
    broker.kill()
    drill.pause(drill.rng.uniform(0.0, 3.0))
    broker.start()
    drill.until(broker.answers, "the broker answers")
    drill.tell("the broker answers again")
    drill.done["kill_broker"] += 1
    drill.pause(drill.rng.uniform(2.0, 4.0))


def freeze(drill: Drill) -> None:
    """Freeze a worker past its session, and thaw it when others have gone on with its partitions."""
    slot = drill.some_worker()
    drill.freeze(slot)
    drill.pause(drill.rng.uniform(0.0, 2.0))
    drill.thaw(slot)
    drill.done["freeze"] += 1


def add(drill: Drill) -> None:
    """Start a worker more."""
    slot = next(slot for slot in (*MORE_SLOTS, *FIRST_SLOTS) if slot not in drill.workers)
    drill.tell(f"worker {slot} is added")
    drill.start(slot)
    drill.until(lambda: bool(drill.partitions().get(slot)), f"worker {slot} gets partitions")
    drill.done["add"] += 1
    drill.pause(drill.rng.uniform(0.0, 2.0))


def remove(drill: Drill) -> None:
    """Stop a worker in good order, if enough others are left."""
    slot = drill.some_worker()
    drill.tell(f"worker {slot} is removed")
    code = drill.stop(slot)
    drill.tell(f"worker {slot} has ended with {code}")
    drill.done["remove"] += 1


POINT_FAULTS: dict[str, Fault] = {point: partial(crash_at, point) for point in CRASH_POINTS}
FAULTS: dict[str, Fault] = {
    "kill": kill, "kill_all": kill_all, "kill_broker": kill_broker, "freeze": freeze, "add": add, "remove": remove,
} | POINT_FAULTS  # fmt: skip


def rounds(rng: Random) -> Iterator[list[str]]:
    """Without end: each fault once, kills more often, in any order; as many workers are removed as were added."""
    while True:
        names = [name for name in FAULTS if name not in ("add", "remove")] + ["kill"] * 2
        rng.shuffle(names)
        # Added before removed, so that there are never fewer workers than at the beginning.
        first, second = sorted(rng.sample(range(len(names) + 1), 2))
        yield [*names[:first], "add", *names[first:second], "remove", *names[second:]]
