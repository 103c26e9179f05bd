"""A service of the compose files, started without Docker: its own entry point, settings, mounts and secrets.

What differs from a container is only where things lie: each service has a folder that stands for its root, every name
is localhost, and so every broker has ports of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.docker.composed import DOCKER, VARIANTS, file_of, services, source, target
from tests.servers.child import Child
from tests.servers.errors import PartMissing
from tests.servers.jars import kafka_jars, listed
from tests.servers.java import environment, java

ENTRY = DOCKER / "entry.sh"
TOOLS = Path(__file__).with_name("kafka-tools.txt")

# What each script of the image does: it runs one of these classes with the jars.
_SCRIPTS = {
    "kafka-storage": "kafka.tools.StorageTool",
    "kafka-server-start": "kafka.Kafka",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-acls": "org.apache.kafka.tools.AclCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
}


@cache
def kafka_home(folder: Path) -> Path:
    """A folder that holds what /opt/kafka holds in the image: the scripts that the compose files' own scripts call."""
    try:
        jars = [*kafka_jars(lambda _: None), *kafka_jars(lambda _: None, wanted=listed(TOOLS))]
        program = java()
    except PartMissing as missing:
        pytest.skip(f"needs real Kafka: {missing}")
    scripts = folder / "bin"
    scripts.mkdir(parents=True)
    for name, main in _SCRIPTS.items():
        script = scripts / f"{name}.sh"
        script.write_text(
            f'#!/bin/sh\nexec "{program}" $KAFKA_HEAP_OPTS $KAFKA_LOG4J_OPTS -XX:+UseSerialGC --sun-misc-unsafe-memory-access=allow '
            f'--enable-native-access=ALL-UNNAMED -cp "{os.pathsep.join(map(str, jars))}" {main} "$@"\n',
            encoding="utf-8",
        )
        script.chmod(0o755)
    return folder


class Container:
    """One service.

    Args:
        variant, name: of which compose files, which service.
        root: its folder; `data` in it is its volume, and outlives a `stop`.
        secrets: the folder that secrets.sh made.
        environment: what differs here, over the service's own environment.
        words: of its commands, what stands here for which.
    """

    def __init__(
        self,
        variant: str,
        name: str,
        root: Path,
        secrets: Path,
        environment: Mapping[str, str],
        *,
        words: Mapping[str, str] | None = None,
    ) -> None:
        self.service: dict[str, Any] = services(VARIANTS[variant])[name]
        self.root = root
        self._words = words or {}
        self.output = root / "output"
        for folder in ("etc", "secrets", "data", "tmp"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for config in self.service.get("configs", []):
            shutil.copy(DOCKER / file_of("configs", source(config)), root / "etc" / Path(target(config)).name)
        for secret in self.service["secrets"]:
            link = root / "secrets" / target(secret)
            link.unlink(missing_ok=True)
            link.symlink_to(secrets / source(secret))
        told = {name: self._here(value) for name, value in self.service.get("environment", {}).items()}
        self._environment = {
            **told,
            "SHARED": f"{root}/etc",
            "SECRETS": f"{root}/secrets",
            "DATA": f"{root}/data",
            "RUN": f"{root}/tmp",
            **environment,
        }
        self._child: Child | None = None

    def _here(self, word: str) -> str:
        """What a path in the container, or a setting with a default, is here."""
        word = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", word)
        word = word.replace("/run/secrets/", f"{self.root}/secrets/").replace("/etc/unbroken/", f"{self.root}/etc/")
        return self._words.get(word, word)

    def _command(self, words: list[str]) -> list[str]:
        found = [self._here(word) for word in words]
        # A health check is not run by the entry point, so it names it.
        return ["/bin/sh", str(ENTRY), *found[1:]] if found[0] == "with-secrets" else found

    @property
    def _entry(self) -> list[str]:
        return self.service.get("entrypoint") or ["with-secrets"]  # the Dockerfile's own

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """To its end, with these arguments instead of the service's own."""
        return self._run(self._command([*self._entry, *arguments]))

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root / "data",
            env={**environment(), **self._environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self) -> None:
        """As `docker compose up` starts it; returns at once."""
        self._empty_tmp()
        with self.output.open("ab") as output:
            self._child = Child(
                self._command([*self._entry, *self.service["command"]]),
                cwd=self.root / "data",
                env={**environment(), **self._environment},
                output=output,
            )

    def _empty_tmp(self) -> None:
        shutil.rmtree(self.root / "tmp")
        (self.root / "tmp").mkdir()

    def healthy(self) -> bool:
        """What its own health check says."""
        how, *command = self.service["healthcheck"]["test"]
        assert how == "CMD"
        return self._run(self._command(command)).returncode == 0

    def await_healthy(self, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not self.healthy():
            assert self._child is not None
            assert self._child.running, self.said()
            assert time.monotonic() < end, self.said()
            time.sleep(0.3)

    def said(self) -> str:
        """The end of what it wrote."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-4000:]

    def stop(self, grace: float = 20.0) -> int | None:
        """As `docker compose stop`: SIGTERM, then its exit code."""
        if self._child is None:
            return None
        self._child.end(grace)
        code, self._child = self._child.code, None
        return code

    def lose_its_disk(self) -> None:
        """Ended at once, and everything on its volume is gone."""
        self.stop(0)
        shutil.rmtree(self.root / "data")
        (self.root / "data").mkdir()
