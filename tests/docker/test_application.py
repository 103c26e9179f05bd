"""The whole deployment for real, without Docker: each service by its own command, settings, secrets and health check."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url

from tests.docker.brokers import ONE_BROKER, Deployment
from tests.docker.composed import DOCKER
from tests.docker.containers import ENTRY, Container
from tests.servers.ports import free_ports
from tests.servers.postgres import OwnPostgres, Postgres, postgres_for_prefect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


# ------------------------------------------------------------------------------------------------------- entry.sh


def enter(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": os.environ["PATH"]}
    return subprocess.run(["sh", ENTRY, *command], env={**path, **environment}, capture_output=True, text=True)


def test_a_secret_reaches_the_process_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:p w$x`y`@h/d\n", encoding="utf-8")
    done = enter(["env"], UNBROKEN_DATABASE_FILE=str(tmp_path / "url"), SSL_CERT_FILE="/etc/ssl/ca")
    lines = done.stdout.splitlines()
    assert "UNBROKEN_DATABASE=postgresql://u:p w$x`y`@h/d" in lines
    assert "SSL_CERT_FILE=/etc/ssl/ca" in lines
    assert not [line for line in lines if line.startswith("UNBROKEN_DATABASE_FILE")]


def test_a_secret_that_cannot_be_read_is_named() -> None:
    done = enter(["env"], UNBROKEN_DATABASE_FILE="/nowhere")
    assert done.returncode == 78
    assert "UNBROKEN_DATABASE_FILE names /nowhere" in done.stderr


def test_a_signal_reaches_the_command_and_its_exit_code_comes_back() -> None:
    process = subprocess.Popen(["sh", ENTRY, "sh", "-c", "echo $$; exec sleep 60"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert int(process.stdout.readline()) == process.pid
    process.terminate()
    assert process.wait(5) == -15
    assert enter(["sh", "-c", "exit 7"]).returncode == 7


# ------------------------------------------------------------------------------------------------- the whole of it


class Stack:
    """What `docker compose up` starts."""

    def __init__(self, folder: Path, secrets: Path, server: Postgres) -> None:
        self.folder, self.secrets, self.postgres = folder, secrets, server
        self.kafka = Deployment(folder, secrets)
        (self.port,) = free_ports(1)
        self.running: dict[str, Container] = {}

    def databases(self) -> None:
        """PostgreSQL's init script on it, and the URLs as they are here."""
        url = make_url(self.postgres.url)
        host = str(url.query.get("host") or url.host)
        at = {"PGHOST": host, "PGPORT": str(url.port or 5432), "POSTGRES_USER": str(url.username)}
        if url.password:
            at["PGPASSWORD"] = str(url.password)
        environment = {**os.environ, **at, "SECRETS": str(self.secrets)}
        subprocess.run(["sh", DOCKER / "postgres" / "databases.sh"], env=environment, check=True, capture_output=True)
        for name in ("views", "prefect"):
            secret = self.secrets / f"{name}-url"
            made = secret.read_text(encoding="utf-8").replace(
                "@postgres:5432/", f"@/{name}?host={host}&port={at['PGPORT']}#"
            )
            secret.unlink()
            secret.write_text(made.partition("#")[0], encoding="utf-8")

    def container(self, name: str) -> Container:
        """A service of the application; all but Prefect's server share the site's volume."""
        volume = self.folder / ("prefect" if name == "prefect" else "application")
        here = {"4200": str(self.port)}
        own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": f"{volume}/data"}
        if name == "prefect":
            own["PREFECT_HOME"] = f"{volume}/tmp/prefect"
        else:
            own |= {"UNBROKEN_SITE": f"{volume}/data/site", "UNBROKEN_PREFECT_API": f"http://127.0.0.1:{self.port}/api"}
            own |= {"UNBROKEN_KAFKA": self.kafka.doors("CLIENT", range(1, 2))}
        made = Container(ONE_BROKER, name, volume, self.secrets, own, words=here)
        health = made.service.get("healthcheck", {})
        if "test" in health:
            health["test"] = [word.replace(":4200/", f":{self.port}/") for word in health["test"]]
        made.output = self.folder / f"{name}.output"
        security = volume / "etc" / "kafka-security.yaml"
        if security.exists():
            text = security.read_text(encoding="utf-8")
            security.write_text(text.replace("/run/secrets", f"{volume}/secrets"), encoding="utf-8")
        return made

    def start(self, name: str) -> None:
        self.running[name] = self.container(name)
        self.running[name].start()

    def stop(self) -> dict[str, int | None]:
        """Everything of the application, as `docker compose down` does: those that depend on others first."""
        return {name: self.running.pop(name).stop(30) for name in reversed(list(self.running))}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> Iterator[Stack]:
    server = postgres_for_prefect()
    folder = tmp_path_factory.mktemp("stack")
    shutil.copytree(secrets, folder / "own-secrets")
    made = Stack(folder, folder / "own-secrets", server)
    yield made
    made.stop()
    for broker in made.kafka.brokers.values():
        broker.stop(2)
    if isinstance(server, OwnPostgres):
        server.close()


def test_a_site_is_founded_on_the_writers_rights_alone(stack: Stack) -> None:
    stack.databases()
    assert stack.kafka.broker(1, ONE_BROKER, "found").run("found").returncode == 0
    broker = stack.kafka.broker(1, ONE_BROKER)
    broker.start()
    broker.await_healthy()
    assert stack.kafka.admin(ONE_BROKER).returncode == 0
    tools = stack.container("tools")
    words = "unbroken site init {site} --name Leiden --site-code LEI1 --generate-passphrases {phrases} --topic unbroken"
    words = words.format(site=f"{tools.root}/data/site", phrases=f"{tools.root}/data/passphrases.yaml")
    kafka = [
        "--kafka",
        stack.kafka.doors("CLIENT", range(1, 2)),
        "--kafka-security",
        "/etc/unbroken/kafka-security.yaml",
    ]
    done = tools.run(*words.split(), *kafka)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prefect_driver_and_projector_come_up_and_are_well(stack: Stack) -> None:
    for name in ("prefect", "driver", "projector"):
        stack.start(name)
        stack.running[name].await_healthy(120)
    tools = stack.container("tools")
    end = time.monotonic() + 60
    while True:
        told = json.loads(tools.run("unbroken", "lag", "--json").stdout)
        if all(one["behind"] == 0 and (one["lease"] or one["name"] == "local copy") for one in told["followers"]):
            break
        assert time.monotonic() < end, told
        time.sleep(0.5)
    assert told["log"]["records"] > 1


def test_its_secrets_are_in_no_command_line_and_in_no_output(stack: Stack) -> None:
    lines = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout
    lines += "".join(container.said() for container in stack.running.values())
    for secret in stack.secrets.glob("*-password"):
        assert secret.read_text(encoding="utf-8") not in lines


def test_prefect_asks_who_is_there(stack: Stack) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/api/admin/version", timeout=10)
    assert refused.value.code == 401


def test_without_its_log_a_follower_says_that_it_is_not_well(stack: Stack) -> None:
    broker = stack.kafka.brokers[1]
    broker.stop()
    assert not stack.running["projector"].healthy()
    broker.start()
    broker.await_healthy()
    stack.running["projector"].await_healthy()


def test_told_to_stop_each_ends_in_order(stack: Stack) -> None:
    said = {name: container.said for name, container in stack.running.items()}
    ended = stack.stop()
    assert ended == {"projector": 0, "driver": 0, "prefect": 0}, {name: read() for name, read in said.items()}


def test_with_every_broker_lost_the_log_goes_on_from_its_backup(stack: Stack) -> None:
    """As docs/operations.md says it: the copy is the backup, a file is the log for a moment, and a new topic takes it."""
    tools = stack.container("tools")
    site = tools.root / "data" / "site"

    def unbroken(*words: str) -> subprocess.CompletedProcess[str]:
        return tools.run("unbroken", *words)

    backup = "import sqlite3; sqlite3.connect('site/copy.db').execute(\"VACUUM INTO '/srv/unbroken/backup.db'\")"
    backup = backup.replace("/srv/unbroken", f"{tools.root}/data")
    assert tools.run("python", "-c", backup).returncode == 0
    records = json.loads(unbroken("log", "show", "--json").stdout)["records"]

    broker = stack.kafka.brokers[1]
    broker.lose_its_disk()
    assert stack.kafka.broker(1, ONE_BROKER, "found").run("found").returncode == 0
    broker.start()
    broker.await_healthy()
    assert stack.kafka.admin(ONE_BROKER).returncode == 0
    other = unbroken("log", "show")
    assert other.returncode == 6, other.stdout  # a topic of the same name is not the same log

    (tools.root / "data" / "backup.db").rename(site / "log.db")
    assert unbroken("log", "use", "--file").returncode == 0
    assert unbroken("verify").returncode == 0
    phrases = yaml.safe_load((tools.root / "data" / "passphrases.yaml").read_text(encoding="utf-8"))
    (tools.root / "data" / "phrase").write_text(phrases["admin"], encoding="utf-8")
    destination = ["--kafka", stack.kafka.doors("CLIENT", range(1, 2)), "--topic", "unbroken"]
    security = ["--kafka-security", "/etc/unbroken/kafka-security.yaml"]
    signed = ["--as", "admin", "--passphrase-file", f"{tools.root}/data/phrase"]
    moved = unbroken("log", "copy", *destination, *security, *signed)
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert unbroken("verify").returncode == 0
    assert json.loads(unbroken("log", "show", "--json").stdout)["records"] == records + 1  # and the seal
