"""The compose files as the tests read them, and the `docker compose` that is asked whether it reads them the same way."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import in_ci

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
ONE, THREE = DOCKER / "compose.yaml", DOCKER / "compose.three-brokers.yaml"
VARIANTS = {"one broker": [ONE], "three brokers": [ONE, THREE]}

PLUGIN = "v2.39.4"
_SOURCE = "github.com/docker/compose/v2/cmd"


def services(files: list[Path]) -> dict[str, dict[str, Any]]:
    """Every service as compose merges it: `extends`, then file over file; environment and mounts by their names."""
    merged: dict[str, dict[str, Any]] = {}
    for file in files:
        own: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]
        for name, service in own.items():
            base = service.get("extends")
            if base:
                file_of_base = DOCKER / base["file"] if "file" in base else file
                start = yaml.safe_load(file_of_base.read_text(encoding="utf-8"))["services"][base["service"]]
            else:
                start = merged.get(name, {})
            merged[name] = _over(start, {key: value for key, value in service.items() if key != "extends"})
    return merged


def _over(base: Mapping[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    result = copy.deepcopy(dict(base))
    for key, value in service.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = result[key] | value
        elif key in {"secrets", "configs", "volumes"} and result.get(key):
            result[key] = list({target(mount): mount for mount in [*result[key], *value]}.values())
        else:
            result[key] = copy.deepcopy(value)
    return result


def target(mount: str | Mapping[str, str]) -> str:
    """Where a secret, config or volume appears in the container; a secret's name stands for its file there."""
    if isinstance(mount, str):
        return mount.rpartition(":")[2]
    return mount["target"]


def source(mount: str | Mapping[str, str]) -> str:
    """What appears there: the name at the top level of the file."""
    return mount.partition(":")[0] if isinstance(mount, str) else mount["source"]


def file_of(kind: str, name: str) -> str:
    """The file behind a config or a secret, as it is written in the compose files."""
    for path in (ONE, THREE):
        found = yaml.safe_load(path.read_text(encoding="utf-8")).get(kind, {}).get(name)
        if found:
            return str(found["file"])
    raise KeyError(name)


def compose() -> list[str]:
    """The command `docker compose`; in CI it is built from source if it is not there (3 minutes, once)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unbroken"
    built = cache / f"docker-compose-{PLUGIN}"
    installed = [["docker", "compose"], ["docker-compose"], [str(built)]]
    for command in installed:
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], capture_output=True).returncode:
            return command
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        pytest.skip("needs real docker compose: the plugin is not installed, and there is no go to build it with")
    if not in_ci():
        pytest.skip("needs real docker compose: the plugin is not installed (CI=true builds it, in 3 minutes)")
    with tempfile.TemporaryDirectory() as module:
        cache.mkdir(parents=True, exist_ok=True)
        beside = Path(module) / "docker-compose"
        for step in (
            ["mod", "init", "unbroken.test/compose"],
            ["get", f"{_SOURCE}@{PLUGIN}"],
            ["build", "-o", str(beside), _SOURCE],
        ):
            done = subprocess.run([go, *step], cwd=module, capture_output=True, text=True, timeout=900)
            if done.returncode:
                pytest.skip(f"needs real docker compose: it could not be built: {done.stderr[-600:]}")
        shutil.move(beside, built)
    return [str(built)]


def config(files: list[Path], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """What `docker compose config` says of these files, every profile included."""
    named = [word for file in files for word in ("-f", str(file))]
    own = {name: value for name, value in os.environ.items() if not name.startswith(("UNBROKEN_", "COMPOSE_"))}
    return subprocess.run(
        [*compose(), *named, "--profile", "*", "config", "--format", "json"],
        env={**own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def read(files: list[Path], environment: Mapping[str, str]) -> dict[str, Any]:
    """The whole configuration as compose reads it."""
    done = config(files, environment)
    assert not done.returncode, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document
