"""The brokers of the compose files and their administrator, on ports of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from events.kafka.client import Access, access
from tests.docker.composed import DOCKER, VARIANTS
from tests.docker.containers import Container, kafka_home
from tests.servers.ports import free_ports

ONE_BROKER, THREE_BROKERS = VARIANTS


class Deployment:
    """The brokers and their administrator's service, on ports of this machine."""

    def __init__(self, folder: Path, secrets: Path) -> None:
        self.folder, self.secrets = folder, secrets
        self.home = kafka_home(folder / "kafka")
        ports = free_ports(9)
        self.ports = [dict(zip(("CLIENT", "BROKER", "CONTROLLER"), ports[at::3], strict=True)) for at in range(3)]
        self.brokers: dict[int, Container] = {}

    def doors(self, door: str, numbers: range) -> str:
        return ",".join(f"localhost:{self.ports[number - 1][door]}" for number in numbers)

    def _settings(self, own: Mapping[str, str]) -> dict[str, str]:
        return {"KAFKA_HOME": str(self.home), "KAFKA_HEAP_OPTS": "-Xmx384m -XX:TieredStopAtLevel=1", **own}

    def broker(self, number: int, variant: str, service: str = "") -> Container:
        """That broker's container; on the folder that it had before."""
        count = range(1, 2 if variant == ONE_BROKER else 4)
        own = {f"{door}_PORT": str(port) for door, port in self.ports[number - 1].items()}
        own |= {"NODE_HOST": "localhost", "CONTROLLERS": self.doors("CONTROLLER", count)}
        name = f"kafka-{number}"
        made = Container(variant, service or name, self.folder / name, self.secrets, self._settings(own))
        if not service:
            self.brokers[number] = made
        return made

    def admin(self, variant: str) -> subprocess.CompletedProcess[str]:
        """Run kafka-access to its end."""
        count = range(1, 2 if variant == ONE_BROKER else 4)
        own = {"BROKERS": self.doors("BROKER", count), "TOPIC": "unbroken"}
        return Container(variant, "kafka-access", self.folder / "access", self.secrets, self._settings(own)).run()

    def ask(self, tool: str, *arguments: str, at: int = 1) -> str:
        """One of Kafka's own tools, as the administrator."""
        command = [f"{self.home}/bin/{tool}", "--bootstrap-server", self.doors("BROKER", range(at, at + 1))]
        known_as = ["--command-config", f"{self.folder}/access/tmp/admin.properties"]
        empty = {"KAFKA_HEAP_OPTS": "-Xmx128m", "KAFKA_LOG4J_OPTS": "-Dlog4j2.level=ERROR"}
        return subprocess.run(
            [*command, *known_as, *arguments], env={**os.environ, **empty}, capture_output=True, text=True, check=True
        ).stdout

    def access(self) -> Access:
        """As the application is let in: by the file that the compose files mount, read by the application."""
        told = yaml.safe_load((DOCKER / "kafka" / "security.yaml").read_text(encoding="utf-8"))
        told = {name: str(value).replace("/run/secrets", str(self.secrets)) for name, value in told.items()}
        numbers = range(1, len(self.brokers) + 1)
        return access({**told, "servers": self.doors("CLIENT", numbers), "topic": "unbroken"}, Path("/"))

    def settings(self, **other: Any) -> dict[str, Any]:
        return {**self.access().settings(), **other}
