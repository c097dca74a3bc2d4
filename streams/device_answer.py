"""What a worker says when it is asked for a device: what it knows, or who may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from schemas.errors import UnreachableError
from streams.batch import Place
from streams.device_view import DeviceView
from streams.health import named
from streams.memory import Position

SESSIONS_SHOWN = 10
AMOUNTS = ("reading_count", "energy_wh", "water_l", "distance_m", "steps")
"""Fields of a session that add up."""
LOCK_S = 1.0
"""How long an answer may wait for a step or a commit of the device's partition."""


@dataclass(frozen=True)
class Answer:
    """An HTTP status and its JSON body; `location` for a redirect."""

    status: int
    body: dict[str, object]
    location: str | None = None


class Directory(Protocol):
    """Who holds what, as `streams.routing.Owners` knows it; its methods may block and raise UnreachableError."""

    def place(self, topic: str, device_id: str) -> Place:
        """Where in a topic the uploads of a device are."""
        ...

    def address(self, place: Place) -> str | None:
        """The address that the owner of a partition showed last; None if it showed none."""
        ...


class Held(Protocol):
    """A partition that this worker holds (`streams.checkpoint.Partition`)."""

    position: Position

    @property
    def applied(self) -> int:
        """The next offset to take in."""
        ...

    def device(self, device_id: str, patience_s: float) -> DeviceView | None:
        """What its state knows of a device; TimeoutError if it has been at work all the time."""
        ...


def device_answer(
    device_id: str, topics: Sequence[str], held: Mapping[Place, Held], directory: Directory, own_address: str
) -> Answer:
    """200 with what is known, 307 to the worker that may know, 404, or 503 for the moment.

    A device may be known under several products' topics; those held here answer. A redirect hands on only the topics
    that are not ruled out yet, and leads to the holder of the first of them that shows an address, so it ends.
    """
    known: dict[str, object] = {}
    elsewhere: list[Place] = []
    try:
        places = [directory.place(topic, device_id) for topic in topics]
        for place in places:
            if place not in held:
                elsewhere.append(place)
            elif (view := held[place].device(device_id, LOCK_S)) is not None:
                known[place.topic] = _facts(place, held[place], view)
        if known:
            return Answer(200, {"device_id": device_id, "products": known, "not_asked": _names(elsewhere)})
        if not elsewhere:
            return Answer(404, {"error": f"device {device_id!r} is not known", "asked": _names(places)})
        return _handed_on(device_id, elsewhere, directory, own_address)
    except TimeoutError:
        return Answer(503, {"error": f"the partition of {device_id!r} has been at work for {LOCK_S:g} s: try again"})
    except UnreachableError as error:
        return Answer(503, {"error": str(error)})


def _handed_on(device_id: str, elsewhere: Sequence[Place], directory: Directory, own_address: str) -> Answer:
    shown = ((place, directory.address(place)) for place in elsewhere)
    place, address = next(((place, address) for place, address in shown if address is not None), (None, own_address))
    # One's own address is out of date. To try the next topic instead could lead round in circles.
    if place is not None and address != own_address:
        query = urlencode([("topic", other.topic) for other in elsewhere])
        location = f"{address}/devices/{quote(device_id, safe='')}?{query}"
        return Answer(307, {"held_by": address, "partition": named(place)}, location)
    names = ", ".join(_names(elsewhere))
    return Answer(503, {"error": f"no worker says that it holds {names}: try again"})


def _facts(place: Place, partition: Held, view: DeviceView) -> dict[str, object]:
    amounts = {
        name: round(sum(float(str(session[name])) for session in view.sessions if session.get(name) is not None), 6)
        for name in AMOUNTS
        if any(name in session for session in view.sessions)
    }
    return {
        "partition": place.partition,
        "taken_in": partition.applied,
        "committed": partition.position.next_offset,
        "checkpoint": partition.position.checkpoint,
        "newest_seq": view.newest_seq,
        "received_at_ms": view.received_at_ms,
        "session_started_ms": view.session_started_ms,
        "totals": {"sessions": len(view.sessions), **amounts},
        "sessions": view.sessions[-SESSIONS_SHOWN:],
    }


def _names(places: Sequence[Place]) -> list[str]:
    return [named(place) for place in places]
