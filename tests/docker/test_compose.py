"""What every service of the deployment keeps to, read from the files; and that `docker compose` reads them so too."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker.composed import DOCKER, ONE, ROOT, THREE, VARIANTS, config, file_of, read, services, source, target

PINNED = re.compile(r"[a-z0-9./-]+:\d+(\.\d+)+(-[a-z0-9]+)?(@sha256:[0-9a-f]{64})?")
ALL = [(name, service) for name, files in VARIANTS.items() for service in services(files)]
each = pytest.mark.parametrize(("variant", "name"), ALL)


def service(variant: str, name: str) -> dict[str, Any]:
    return services(VARIANTS[variant])[name]


@each
def test_an_image_is_pinned_to_one_version(variant: str, name: str) -> None:
    image = service(variant, name)["image"]
    image = re.sub(r"^\$\{UNBROKEN_IMAGE:-(.*)\}$", r"\1", image)
    assert PINNED.fullmatch(image), f"{image} may be another image tomorrow"


@each
def test_nobody_is_root_and_nobody_can_become_it(variant: str, name: str) -> None:
    found = service(variant, name)
    user, _, group = found["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["read_only"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "network_mode", "ipc"} & set(found)


@each
def test_a_service_has_limits_a_restart_policy_and_networks_without_a_way_out(variant: str, name: str) -> None:
    found = service(variant, name)
    assert set(found["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert found["restart"] in {"unless-stopped", "on-failure:5", "no"}
    networks = yaml.safe_load(ONE.read_text(encoding="utf-8"))["networks"]
    open_to = [network for network in found["networks"] if not networks[network].get("internal")]
    assert open_to == (["front"] if name == "prefect" else [])


@each
def test_what_is_published_is_published_on_this_host_only(variant: str, name: str) -> None:
    for port in service(variant, name).get("ports", []):
        assert port.startswith("127.0.0.1:")


@each
def test_what_goes_on_says_whether_it_is_well(variant: str, name: str) -> None:
    found = service(variant, name)
    goes_on = found["restart"] == "unless-stopped"
    assert goes_on == ("healthcheck" in found and not found["healthcheck"].get("disable"))
    for other, how in found.get("depends_on", {}).items():
        waits = how["condition"]
        assert waits == ("service_completed_successfully" if other == "kafka-access" else "service_healthy")


@each
def test_no_secret_stands_in_a_service(variant: str, name: str) -> None:
    for variable, value in service(variant, name).get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|LOGIN|AUTH|DATABASE|KEY", variable):
            given = value in {f"/run/secrets/{target(secret)}" for secret in service(variant, name)["secrets"]}
            assert given or variable == "POSTGRES_INITDB_ARGS", f"{variable} is not a secret's file"


def test_every_secret_is_a_file_of_the_one_folder_that_must_be_named(secrets: Path) -> None:
    for path in (ONE, THREE):
        for name, secret in yaml.safe_load(path.read_text(encoding="utf-8"))["secrets"].items():
            folder, _, file = secret["file"].rpartition("/")
            assert folder.startswith("${UNBROKEN_SECRETS:?run docker/secrets.sh")
            assert file == name
            assert (secrets / name).is_file(), "secrets.sh does not make it"


def test_only_the_administrators_service_has_the_administrators_certificate() -> None:
    for files in VARIANTS.values():
        holders = {n for n, s in services(files).items() if "kafka-admin.pem" in map(source, s.get("secrets", []))}
        assert holders == {"kafka-access"}
        everything = {source(secret) for s in services(files).values() for secret in s.get("secrets", [])}
        assert "ca.key" not in everything


def test_no_secret_is_written_in_any_file_of_the_deployment() -> None:
    for path in [*DOCKER.rglob("*"), ROOT / ".dockerignore"]:
        if path.is_file() and "secrets" not in path.relative_to(ROOT).parts:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY", text)
            for found in re.finditer(r"(?i)pass(?:word|phrase)s?\s*[:=]\s*[\"']?([a-z0-9+/_-]{6,})", text):
                assert found[1] == "password" or found[1].startswith("/run/secrets/"), f"{path.name}: {found[0]}"


def test_every_mounted_file_is_there() -> None:
    for files in VARIANTS.values():
        for found in services(files).values():
            for mount in found.get("configs", []):
                assert (DOCKER / file_of("configs", source(mount))).is_file()


def test_three_brokers_hold_every_record_three_times() -> None:
    found = services(VARIANTS["three brokers"])
    brokers = {name: found[name] for name in ("kafka-1", "kafka-2", "kafka-3")}
    for number, (name, broker) in enumerate(brokers.items(), 1):
        environment = broker["environment"]
        assert (environment["NODE_ID"], environment["NODE_HOST"]) == (str(number), name)
        assert (environment["REPLICAS"], environment["MIN_INSYNC"]) == ("3", "2")
        assert environment["CONTROLLERS"] == "kafka-1:9094,kafka-2:9094,kafka-3:9094"
        assert source(broker["secrets"][0]) == f"{name}.pem"
        assert broker["volumes"] == [f"{name}:/var/lib/kafka/data"]
    access = found["kafka-access"]
    assert access["environment"]["BROKER_IDS"] == "1,2,3"
    assert set(access["depends_on"]) == set(brokers)
    for name in ("driver", "projector", "tools"):
        assert found[name]["environment"]["UNBROKEN_KAFKA"] == "kafka-1:9092,kafka-2:9092,kafka-3:9092"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("variant", VARIANTS)
def test_docker_compose_reads_the_files_as_these_tests_do(variant: str, secrets: Path) -> None:
    theirs = read(VARIANTS[variant], {"UNBROKEN_SECRETS": str(secrets)})["services"]
    ours = services(VARIANTS[variant])
    assert set(theirs) == set(ours)
    for name, found in ours.items():
        other = theirs[name]
        environment = {
            key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value) for key, value in found.get("environment", {}).items()
        }
        assert (other.get("environment") or {}) == environment
        assert (other.get("command") or []) == found.get("command", [])
        assert {Path(target(s)).name for s in other["secrets"]} == {target(s) for s in found["secrets"]}
        assert {target(v) for v in other.get("volumes") or []} == {target(v) for v in found.get("volumes", [])}
        assert other["user"] == found["user"]
        assert shlex.join(map(str, (other.get("healthcheck") or {}).get("test", []))) == shlex.join(
            map(str, found.get("healthcheck", {}).get("test", []))
        ) or found["healthcheck"].get("disable")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("variant", VARIANTS)
def test_without_secrets_nothing_starts_and_it_says_what_to_do(variant: str) -> None:
    done = config(VARIANTS[variant], {})
    assert done.returncode
    assert "required variable UNBROKEN_SECRETS is missing a value: run docker/secrets.sh" in done.stderr
