"""Asking a worker for a device: what it knows, who may know, and that handing on ends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UnreachableError, UsageError
from streams.batch import Place
from streams.device_answer import Answer, device_answer
from streams.device_view import DeviceView, device_view
from streams.memory import Position
from streams.product import SHOE, WASHER, Product
from streams.routing import partition_of
from streams.state import State
from streams.web import advertised
from tests.unit.streams.building import a_shoe_upload, a_washer_upload, taken_in

TOPICS = (WASHER.telemetry, SHOE.telemetry)
WASHERS, SHOES = Place(WASHER.telemetry, 2), Place(SHOE.telemetry, 2)


@dataclass
class InMemory:
    """A partition that knows what it was given."""

    views: Mapping[str, DeviceView] = field(default_factory=dict)
    is_busy: bool = False
    position: Position = field(default=Position("id", 5, 3))
    applied: int = 6

    def device(self, device_id: str, patience_s: float) -> DeviceView | None:
        if self.is_busy:
            raise TimeoutError
        return self.views.get(device_id)


@dataclass
class Known:
    """A directory: every device is in partition 2."""

    addresses: Mapping[Place, str] = field(default_factory=dict)
    is_away: bool = False

    def place(self, topic: str, device_id: str) -> Place:
        return Place(topic, 2)

    def address(self, place: Place) -> str | None:
        if self.is_away:
            raise UnreachableError("Kafka does not answer")
        return self.addresses.get(place)


def a_partition(product: Product, *uploads: Mapping[str, object]) -> InMemory:
    state = State(product)
    taken_in(product, state, uploads)
    ids = {str(upload["device_id"]) for upload in uploads}
    views = {device_id: device_view(product, state, device_id) for device_id in ids}
    return InMemory({device_id: view for device_id, view in views.items() if view is not None})


def test_a_known_device_is_told_with_its_sessions_and_where_the_stream_stands() -> None:
    held = {WASHERS: a_partition(WASHER, a_washer_upload(seq=1), a_washer_upload(seq=2)), SHOES: InMemory()}
    answer = device_answer("w-1", TOPICS, held, Known(), "http://a:1")
    assert answer.status == 200
    body = json.loads(json.dumps(answer.body))
    facts = body["products"][WASHER.telemetry]
    assert (facts["partition"], facts["taken_in"], facts["committed"], facts["checkpoint"]) == (2, 6, 5, 3)
    assert (facts["newest_seq"], facts["totals"]["sessions"], facts["totals"]["reading_count"]) == (2, 1, 4)
    assert facts["sessions"][0]["status"] == "open"
    assert body["not_asked"] == []


def test_a_device_of_two_products_is_told_per_product() -> None:
    held = {
        WASHERS: a_partition(WASHER, a_washer_upload(device_id="d-1")),
        SHOES: a_partition(SHOE, a_shoe_upload(device_id="d-1")),
    }
    products = device_answer("d-1", TOPICS, held, Known(), "").body["products"]
    assert isinstance(products, dict)
    assert list(products) == list(TOPICS)


def test_an_unknown_device_is_404_only_where_nobody_else_may_know_it() -> None:
    assert device_answer("x", TOPICS, {WASHERS: InMemory(), SHOES: InMemory()}, Known(), "http://a:1").status == 404
    elsewhere = Known({SHOES: "http://b:1"})
    answer = device_answer("x", TOPICS, {WASHERS: InMemory()}, elsewhere, "http://a:1")
    assert (answer.status, answer.location) == (307, f"http://b:1/devices/x?topic={SHOE.telemetry}")


@pytest.mark.parametrize("addresses", [{}, {WASHERS: "http://a:1", SHOES: "http://a:1"}])
def test_503_while_nobody_shows_an_address_or_the_last_one_shown_is_ones_own(addresses: dict[Place, str]) -> None:
    answer = device_answer("x", TOPICS, {}, Known(addresses), "http://a:1")
    assert answer.status == 503
    assert "no worker says that it holds telemetry.washer.v1[2], telemetry.shoe.v1[2]" in str(answer.body["error"])


def test_503_while_the_partition_is_at_work_or_the_broker_is_away() -> None:
    assert device_answer("x", TOPICS, {WASHERS: InMemory(is_busy=True)}, Known(), "").status == 503
    assert device_answer("x", TOPICS, {}, Known(is_away=True), "").status == 503


@given(
    st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=2, max_size=2),
    st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=2, max_size=2),
    st.sampled_from(["a", "b", "c"]),
)
def test_handing_on_ends_however_wrong_the_directory_is(
    holders: Sequence[str], shown: Sequence[str], asked: str
) -> None:
    directory = Known({place: f"http://{who}" for place, who in zip((WASHERS, SHOES), shown, strict=True) if who})
    topics: Sequence[str] = TOPICS
    for _ in range(4):
        held = {place: InMemory() for place, who in zip((WASHERS, SHOES), holders, strict=True) if who == asked}
        answer: Answer = device_answer("x", topics, held, directory, f"http://{asked}")
        if answer.location is None:
            break
        url = urlsplit(answer.location)
        asked, topics = url.netloc, parse_qs(url.query)["topic"]
    assert answer.status in {404, 503}


def test_the_partition_of_a_key_is_the_one_that_kafkas_own_clients_choose() -> None:
    # org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey, 100 partitions
    known = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    assert {key: partition_of(key, 100) for key in known} == {key: (h & 0x7FFFFFFF) % 100 for key, h in known.items()}


def test_partitions_are_spread() -> None:
    rng = Random(1)
    hits = [partition_of(f"w-{rng.random()}", 4) for _ in range(4_000)]
    assert all(900 < hits.count(number) < 1_100 for number in range(4))


def test_the_advertised_address() -> None:
    assert advertised("127.0.0.1", 0, None) == ""
    assert advertised("127.0.0.1", 8_000, None) == "http://127.0.0.1:8000"
    assert advertised("::1", 8_000, None) == "http://[::1]:8000"
    assert advertised("0.0.0.0", 8_000, "https://w0.example.com/vaxel/") == "https://w0.example.com/vaxel"
    with pytest.raises(UsageError, match="say with --advertise URL"):
        advertised("0.0.0.0", 8_000, None)
    for wrong in ("example.com", "ftp://x", "http://", "http://a b", "http://x?y"):
        with pytest.raises(UsageError, match=r"is no address: http://HOST:PORT"):
            advertised("127.0.0.1", 8_000, wrong)
