"""One Apache Kafka, broker and controller in one process (KRaft), set for one machine and quick starts."""

from __future__ import annotations

import base64
import signal
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from deploy.children import Command
from deploy.layout import Layout
from deploy.ports import LOOPBACK

JVM_FLAGS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx512m",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",  # lz4, zstd and snappy are native
    "--sun-misc-unsafe-memory-access=allow",
)
VARIABLES = {"LC_ALL": "C.UTF-8"}
"""In other locales Java may spell the names of files in ASCII, and find nothing."""

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # one broker holds the only copy of everything
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # 50 each by default: too many files and too slow a first start for one machine
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.num.partitions": "8",
    "share.coordinator.state.topic.num.partitions": "8",
    # 128 MiB by default, of a heap of 512
    "log.cleaner.dedupe.buffer.size": str(32 * 1024 * 1024),
}
LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="{log}" filePattern="{pattern}.%i">
      <PatternLayout pattern="[%d{{ISO8601}}] %p %m (%c)%n"/>
      <SizeBasedTriggeringPolicy size="10 MB"/>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="file"/></Root></Loggers>
</Configuration>
"""


@dataclass(frozen=True)
class Kafka:
    """How to make, start and ask the broker of one data directory."""

    layout: Layout
    java: Path
    jars: tuple[Path, ...]
    port: int
    controller_port: int

    name = "Kafka"

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def logs(self) -> tuple[Path, ...]:
        """Where to look when it dies, the most telling first."""
        return self.layout.log("kafka"), self.layout.log("kafka-out"), self.layout.log("kafka-format")

    @property
    def _aside(self) -> Path:
        return self.layout.kafka.with_name("kafka.new")

    def preparation(self) -> Command | None:
        """What makes the log directory aside; None when it is there already."""
        if self.layout.kafka.exists():
            return None
        settings = self._write_settings("kafka-format.properties", self._aside)
        cluster_id = new_cluster_id(uuid.uuid4())
        tool = ("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster_id, "-c", str(settings))
        return self._java(tool, self.layout.log("kafka-format"))

    def adopt(self) -> None:
        """Put the made directory in its place; a start killed before this begins anew."""
        self._aside.replace(self.layout.kafka)

    def command(self) -> Command:
        """What starts the broker."""
        log = self.layout.log("kafka")
        if log.exists():
            log.replace(log.with_name(log.name + ".old"))
        log4j = self.layout.data_dir / "log4j2.xml"
        name = escape(str(log), {'"': "&quot;"})
        log4j.write_text(LOG4J.format(log=name, pattern=name.replace("%", "%%")), encoding="utf-8")
        settings = self._write_settings("kafka.properties", self.layout.kafka)
        main = (f"-Dlog4j2.configurationFile={log4j.as_uri()}", "kafka.Kafka", str(settings))
        return self._java(main, self.layout.log("kafka-out"))

    def answers(self) -> bool:
        """Whether the broker answers a client."""
        from confluent_kafka import KafkaException  # noqa: PLC0415  (only once it listens)
        from confluent_kafka.admin import AdminClient  # noqa: PLC0415

        try:
            socket.create_connection((LOOPBACK, self.port), timeout=1).close()
            client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
            return bool(client.list_topics(timeout=2).brokers)
        except (OSError, KafkaException):
            return False

    def _java(self, main: tuple[str, ...], log: Path) -> Command:
        classpath = ":".join(map(str, self.jars))
        arguments = (str(self.java), *JVM_FLAGS, "-cp", classpath, *main)
        return Command(self.name, arguments, log, signal.SIGTERM, variables=VARIABLES)

    def _write_settings(self, name: str, log_directory: Path) -> Path:
        controller = f"{LOOPBACK}:{self.controller_port}"
        settings = SETTINGS | {
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(log_directory),
        }
        path = self.layout.data_dir / name
        path.write_text(java_properties(settings), encoding="ascii")
        return path


def java_properties(settings: Mapping[str, str]) -> str:
    """A file that `java.util.Properties.load` reads: it takes bytes for ISO-8859-1, whatever the locale."""
    return "".join(f"{key}={_java_escaped(value)}\n" for key, value in settings.items())


def _java_escaped(value: str) -> str:
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    is_plain = (32 <= code < 127 and (code != 32 or at > 0) for at, code in enumerate(codes))
    return "".join(chr(code) if plain else f"\\u{code:04x}" for code, plain in zip(codes, is_plain, strict=True))


def new_cluster_id(drawn: uuid.UUID) -> str:
    """A cluster id as Kafka writes them; never one that begins with `-`, which the tool takes for an option."""
    return base64.urlsafe_b64encode(drawn.bytes).decode().rstrip("=").replace("-", "_", 1)
