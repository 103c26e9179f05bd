"""The demo, played once a session without Prefect; each test gets a copy of its site."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from console.demo import run


def study() -> str:
    return (resources.files("protocol") / "studies" / "cd20-cd22.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "site"
    assert run(folder, study(), lambda _line: None, driver=False) == 0
    return folder


@pytest.fixture
def demo_site(played: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "demo-site"
    shutil.copytree(played, folder)
    return folder
