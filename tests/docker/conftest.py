"""Fresh secrets, as an operator makes them, once for all tests of the deployment."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docker.composed import DOCKER


@pytest.fixture(scope="session")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("openssl"):
        pytest.skip("needs real openssl: secrets.sh makes the certificates with it")
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    subprocess.run([DOCKER / "secrets.sh", folder], check=True, capture_output=True)
    return folder
