"""One node of an Apache Kafka cluster, broker and controller in one: its folder, its properties, its process."""

import base64
import shutil
import signal
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers import java
from tests.servers.child import Child
from tests.servers.errors import NotStarted
from tests.servers.snapshot import snapshot_flags

_LOGGING = """\
<Configuration status="warn" shutdownHook="disable">
  <Appenders><Console name="out"><PatternLayout pattern="%d{HH:mm:ss.SSS} %-5p %m (%c{1})%n"/></Console></Appenders>
  <Loggers>
    <Logger name="org.apache.kafka.common.config" level="warn"/>
    <Root level="info"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""
BROKER = "kafka.Kafka"
_GRACE = 15.0  # seconds a broker is given to hand over and write what it holds


def new_id() -> str:
    """A Kafka id: a UUID in 22 characters. One that starts with "-" would be read as an option."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")).startswith("-"):
        pass
    return made


class Node:
    """One node.

    Args:
        number: its id in the cluster, from 1.
        folder: everything of this node: properties, output, and its data unless the property log.dirs says otherwise.
        flags: for its Java.
        remove: a folder that is removed if this process ends without having ended the node.
        hold: descriptors that stay open as long as it runs.
    """

    def __init__(
        self,
        number: int,
        folder: Path,
        jars: Sequence[Path],
        *,
        heap: str,
        flags: Sequence[str] = (),
        remove: Path | None = None,
        hold: Sequence[int] = (),
    ) -> None:
        self.number = number
        self.folder = folder
        self.properties_file = folder / "server.properties"
        self.output = folder / "output.log"
        self._jars = jars
        self._heap = heap
        self._flags = flags
        self._remove = remove
        self._hold = hold
        self._said_before = 0
        self._child: Child | None = None
        self._properties: dict[str, str] = {}

    def write(self, properties: Mapping[str, str]) -> None:
        """Write its configuration; what a running broker read is not changed by it."""
        self._properties = {"node.id": str(self.number), "log.dirs": str(self.folder / "data"), **properties}
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        (self.folder / "log4j2.xml").write_text(_LOGGING, encoding="utf-8")
        text = "".join(f"{name}={_escaped(value)}\n" for name, value in sorted(self._properties.items()))
        self.properties_file.write_text(text, encoding="utf-8")
        self.properties_file.chmod(0o600)  # a secured broker's passwords are in it

    @property
    def _data(self) -> list[Path]:
        named = [*self._properties["log.dirs"].split(","), self._properties.get("metadata.log.dir", "")]
        return [Path(folder.strip()) for folder in dict.fromkeys(named) if folder.strip()]

    @property
    def formatted(self) -> bool:
        return any((folder / "meta.properties").exists() for folder in self._data)

    def format(self, cluster_id: str, arguments: Sequence[str] = ()) -> None:
        """Prepare the data folders with Kafka's own tool."""
        program = self._command("kafka.tools.StorageTool", "format", "-t", cluster_id, *arguments)
        java.run([*program, "-c", str(self.properties_file)], cwd=self.folder)

    def format_like(self, other: "Node", cluster_id: str) -> None:
        """Prepare the data folders with what the tool wrote for another node: no second of Java for each of them."""
        bootstrap = next(path for folder in other._data if (path := folder / "bootstrap.checkpoint").exists())
        for folder in self._data:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bootstrap, folder / bootstrap.name)
            meta = {"version": "1", "cluster.id": cluster_id, "node.id": str(self.number), "directory.id": new_id()}
            text = "".join(f"{name}={value}\n" for name, value in meta.items())
            (folder / "meta.properties").write_text(text, encoding="utf-8")

    def _command(self, program: str, *arguments: str) -> list[str]:
        place = {"temporary": self.folder / "tmp", "logging": self.folder / "log4j2.xml"}
        flags = self._flags if program == BROKER else []
        if not any(flag.startswith("-XX:AOT") for flag in flags):
            flags = [*snapshot_flags(self._jars), *flags]
        return java.command(self._jars, flags, program, *arguments, heap=self._heap, **place)

    def launch(self) -> None:
        """Start the process; whether the broker answers is for the caller to ask."""
        self.forget()
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        with self.output.open("ab") as output:
            self._said_before = output.tell()
            self._child = Child(
                self._command(BROKER, str(self.properties_file)),
                cwd=self.folder,
                env=java.environment(),
                output=output,
                remove=self._remove,
                hold=self._hold,
            )

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def launched(self) -> bool:
        """Started, and neither stopped nor killed by us since; it may have ended by itself."""
        return self._child is not None

    @property
    def frozen(self) -> bool:
        return self.running and self._running_child().frozen

    @property
    def pid(self) -> int:
        """The process id of its Java."""
        pid = self._running_child().pid
        if pid is None:
            raise NotStarted(f"node {self.number} could not be started: {self.tail()}")
        return pid

    def _running_child(self) -> Child:
        if self._child is None:
            raise NotStarted(f"node {self.number} is not running")
        return self._child

    def ask_to_stop(self) -> None:
        """SIGTERM, without waiting; several nodes are asked at once, for each hands over to those that are left."""
        if self._child is not None:
            self._child.send(signal.SIGTERM)
            self._child.thaw()

    def stop(self) -> None:
        self.ask_to_stop()
        self._end(_GRACE)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self._end(0)

    def _end(self, grace: float) -> None:
        if self._child is not None:
            self._child.end(grace)
            self._child = None

    def forget(self) -> None:
        """Let go of a process that has ended by itself."""
        if self._child is not None and not self._child.running:
            self._end(0)

    def freeze(self) -> None:
        self._running_child().freeze()

    def thaw(self) -> None:
        self._running_child().thaw()

    def tail(self, lines: int = 25) -> str:
        """The end of what it wrote since it was launched."""
        try:
            with self.output.open("rb") as stream:
                stream.seek(max(self._said_before, self.output.stat().st_size - 20_000))
                text = stream.read().decode("utf-8", "replace")
        except OSError:
            return "(it wrote nothing)"
        return java.last_words(text, lines)


def _escaped(value: str) -> str:
    # Java's properties files read a backslash and the end of a line as their own.
    return value.replace("\\", "\\\\").replace("\n", "\\n")
