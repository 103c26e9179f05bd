"""The application's image as its Dockerfile says it; docker/build-without-docker.sh builds and tries it for real."""

import re
from pathlib import Path

import yaml

from tests.docker.composed import DOCKER, ONE, ROOT, services

LINES = re.sub(r"\\\n\s*", " ", (DOCKER / "Dockerfile").read_text(encoding="utf-8")).splitlines()


def said(word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in LINES if line.startswith(f"{word} ")]


def test_its_base_is_pinned_and_may_be_named_by_digest() -> None:
    (base,) = (line.removeprefix("BASE=") for line in said("ARG") if line.startswith("BASE="))
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)
    assert said("FROM") == ["${BASE} AS build", "${BASE}"]


def test_every_package_is_checked_by_its_hash_and_none_is_compiled() -> None:
    installs = [part for line in said("RUN") for part in line.split("&&") if " install " in part and "pip" in part]
    assert len(installs) == 2
    assert "--require-hashes --no-deps" in installs[0]
    assert "--only-binary :all: -r /build/runtime.txt" in installs[0]
    assert "--no-deps" in installs[1]
    assert "--no-index" in installs[1]
    assert not said("ADD")
    assert not [line for line in LINES if re.search(r"\b(curl|wget|apt-get|git)\b", line) and not line.startswith("#")]


def test_it_runs_as_a_numbered_user_and_signals_reach_the_command() -> None:
    last = LINES[LINES.index("FROM ${BASE}") :]
    assert "USER 10001:10001" in last
    assert 'ENTRYPOINT ["/usr/local/bin/with-secrets"]' in last
    assert (DOCKER / "entry.sh").read_text(encoding="utf-8").rstrip().endswith('exec "$@"')
    assert services([ONE])["driver"]["user"] == "10001:10001"
    assert last.index("VOLUME /srv/unbroken") > last.index("USER 10001:10001")


def test_the_builder_is_given_nothing_but_the_program() -> None:
    first, *allowed = [
        line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    ]
    assert first == "*"
    floors = {"console", "events", "flows", "projections", "protocol"}
    others = {"requirements/runtime.txt", "docker/entry.sh", "LICENSE", "README.md", "pyproject.toml"}
    assert {line.removeprefix("!") for line in allowed if line.startswith("!")} == floors | others


def test_every_floor_is_in_it() -> None:
    # pyproject.toml names what is installed; what the builder is not given would be missing without a word.
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"!{package}\n" in ignored


def test_its_version_is_the_projects() -> None:
    import tomllib

    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"VERSION={version}" in said("ARG")
    image = yaml.safe_load(ONE.read_text(encoding="utf-8"))["x-application"]["image"]
    assert image == f"${{UNBROKEN_IMAGE:-unbroken:{version}}}"


def test_no_python_lies_in_docker() -> None:
    assert not list(DOCKER.rglob("*.py"))
    assert all(path.stat().st_mode & 0o111 for path in Path(DOCKER).rglob("*.sh"))
