"""What secrets.sh makes: enough of chance, certificates that hold, and nothing ever written over."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.docker.composed import DOCKER, ROOT


def make(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [DOCKER / "secrets.sh", folder], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "complete"}


def test_every_password_is_another_one_of_192_bits(secrets: Path) -> None:
    passwords = {path.read_text(encoding="utf-8") for path in secrets.glob("*-password")}
    assert len(passwords) == len(list(secrets.glob("*-password"))) == 5
    assert all(len(bytes.fromhex(password)) == 24 for password in passwords)


def test_only_who_may_enter_the_folder_can_read_them(secrets: Path) -> None:
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert stat.S_IMODE((secrets / "ca.key").stat().st_mode) == 0o600
    # In a container only the file itself is mounted, and the service's user must be able to read it.
    assert stat.S_IMODE((secrets / "views-password").stat().st_mode) == 0o444


@pytest.mark.parametrize("name", ["kafka-1", "kafka-2", "kafka-3", "kafka-admin"])
def test_a_certificate_is_our_authoritys_and_names_its_broker(secrets: Path, name: str) -> None:
    pem = secrets / f"{name}.pem"
    checked = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", secrets / "ca.pem", pem], capture_output=True
    )
    assert checked.returncode == 0, checked.stderr
    text = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-text"], capture_output=True, text=True).stdout
    if name == "kafka-admin":
        assert "CN = kafka-admin" in text
        assert "DNS:" not in text
    else:
        assert "CN = kafka-broker" in text
        assert f"DNS:{name}, DNS:localhost" in text


def test_a_complete_set_is_never_touched(secrets: Path) -> None:
    before = contents(secrets)
    done = make(secrets)
    assert done.returncode == 1
    assert "nothing was changed" in done.stderr
    assert contents(secrets) == before


def test_one_that_was_moved_away_is_made_again_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make(folder)
    before = contents(folder)
    (folder / "views-password").unlink()
    assert make(folder, AGAIN="yes").returncode == 0
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {"views-password", "views-url"}
    assert after["views-password"] in after["views-url"]


def test_an_interrupted_set_is_completed(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make(folder)
    before = contents(folder)
    for name in ("complete", "kafka-2.pem", "prefect-login"):
        (folder / name).unlink()
    assert make(folder).returncode == 0
    after = contents(folder)
    assert {name for name in after if after[name] != before[name]} == {"kafka-2.pem"}


def test_without_the_authoritys_key_no_second_authority_is_made(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make(folder)
    (folder / "ca.key").unlink()
    (folder / "kafka-1.pem").unlink()
    done = make(folder, AGAIN="yes")
    assert done.returncode == 1
    assert "ca.key is not in" in done.stderr


def test_git_does_not_see_them() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", "docker/secrets/ca.key"], cwd=ROOT)
    if ignored.returncode == 128:
        pytest.skip("not a git checkout")
    assert ignored.returncode == 0
