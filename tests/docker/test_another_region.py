"""Another region is another log: brokers, secrets and a log that share nothing with the first; and its certificates are renewed."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from events.errors import Corrupt, Refused
from events.kafka.client import Access
from events.kafka.whole import begin
from events.log_kafka import KafkaLog
from tests.docker.brokers import ONE_BROKER, Deployment
from tests.docker.composed import DOCKER, ROOT, VARIANTS, read
from tests.ground import small_log

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]
QUICKLY = {"bootstrap_timeout_ms": 1500, "request_timeout_ms": 1500}
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE.partition("**A new authority**")[2], re.DOTALL)[:3]
"""The three blocks of the page by which an authority is renewed."""


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> Iterator[Deployment]:
    """One broker of another region, founded, with its topic; `secrets` are those of the first region."""
    folder = tmp_path_factory.mktemp("region")
    own = folder / "docker" / "secrets"
    subprocess.run([DOCKER / "secrets.sh", own], check=True, capture_output=True)
    made = Deployment(folder, own)
    found = made.broker(1, ONE_BROKER, "found")
    assert found.run(*found.service["command"]).returncode == 0
    _recreated(made)
    done = made.admin(ONE_BROKER)
    assert done.returncode == 0, done.stdout + done.stderr
    yield made
    for broker in made.brokers.values():
        broker.stop(2)


def _recreated(region: Deployment) -> None:
    """As `docker compose up -d` recreates a broker whose secrets have changed."""
    if 1 in region.brokers:
        region.brokers[1].stop()
    region.broker(1, ONE_BROKER).start()
    region.brokers[1].await_healthy()


def _shown(region: Deployment, door: str = "CLIENT") -> x509.Certificate:
    """The certificate that the broker shows to whoever comes."""
    pem = ssl.get_server_certificate(("localhost", region.ports[0][door]))
    return x509.load_pem_x509_certificate(pem.encode())


def _commands(region: Deployment, block: str) -> None:
    """The lines of the page, as an administrator runs them beside the folder `docker`; OLD is a folder offline."""
    (region.folder / "OLD").mkdir(exist_ok=True)
    (region.folder / "docker" / "secrets.sh").unlink(missing_ok=True)
    (region.folder / "docker" / "secrets.sh").write_text(f'#!/bin/sh\nexec {DOCKER}/secrets.sh "{region.secrets}"\n')
    (region.folder / "docker" / "secrets.sh").chmod(0o755)
    done = subprocess.run(["sh", "-euc", block], cwd=region.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


# ------------------------------------------------------------------ opened beside the first


def test_its_secrets_are_its_own(region: Deployment, secrets: Path) -> None:
    """No password, key, certificate or cluster id of the one is one of the other."""
    for mine in region.secrets.iterdir():
        if mine.name != "complete":
            assert mine.read_bytes() != (secrets / mine.name).read_bytes(), mine.name


@pytest.mark.timeout(1200)
def test_on_one_host_the_two_share_no_volume_no_network_and_no_port(region: Deployment, secrets: Path) -> None:
    """With the three variables that the page names; a second `docker compose up` would else go on in the first one's data."""
    files = VARIANTS[ONE_BROKER]
    first = read(files, {"UNBROKEN_SECRETS": str(secrets)})
    own = {"UNBROKEN_SECRETS": str(region.secrets), "COMPOSE_PROJECT_NAME": "unbroken-asia", "PREFECT_PORT": "4300"}
    second = read(files, own)
    for kind in ("volumes", "networks"):
        names = [{one["name"] for one in found[kind].values()} for found in (first, second)]
        assert names[0]
        assert not names[0] & names[1], kind
    ports = [
        {p["published"] for s in found["services"].values() for p in s.get("ports") or ()} for found in (first, second)
    ]
    assert ports == [{"4200"}, {"4300"}]
    assert {Path(one["file"]).parent for one in second["secrets"].values()} == {region.secrets}


def test_a_writer_of_the_first_region_is_not_let_in(region: Deployment, secrets: Path) -> None:
    """Its certificate authority does not know this broker; and with the right one its password does not open."""
    at = region.access()
    for theirs in (
        replace(at, ca=secrets / "ca.pem", password_file=secrets / "kafka-writer-password"),
        replace(at, password_file=secrets / "kafka-writer-password"),
    ):
        with pytest.raises(KafkaError):
            KafkaAdminClient(**theirs.settings() | QUICKLY).list_topics()


def test_its_log_is_another_and_takes_no_record_of_the_first(region: Deployment, tmp_path: Path) -> None:
    """A therapy lives in one log: a record names its log, and no other accepts it; nor does a site go on with another log's id."""
    here, there = small_log(seed=7), small_log(seed=8)
    assert here.id != there.id
    begin(region.access(), here.values[0])
    log = KafkaLog(region.access(), tmp_path / "copy.db", log_id=here.id)
    try:
        for value in here.values[1:4]:
            log.append(value)
        with pytest.raises(Refused):
            log.append(there.values[1])
        assert [stored.value for stored in log.read(0, 9)] == here.values[:4]
    finally:
        log.close()
    with pytest.raises(Corrupt) as told:
        KafkaLog(region.access(), tmp_path / "other.db", log_id=there.id)
    assert told.value.rule == "log.id"


# ------------------------------------------------------------------ its certificates are renewed


def test_a_brokers_certificate_is_renewed(region: Deployment) -> None:
    """Moved away, made again by the same authority, and the broker recreated: it shows the new one, and the writer is let in."""
    before = _shown(region)
    (region.secrets / "kafka-1.pem").rename(region.folder / "old-kafka-1.pem")
    done = subprocess.run(
        [DOCKER / "secrets.sh", region.secrets], env={**os.environ, "AGAIN": "yes"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert _shown(region) == before, "nothing changes while it runs"
    _recreated(region)
    after = _shown(region)
    assert after.serial_number != before.serial_number
    assert after.issuer == before.issuer
    _let_in(region, region.access())


def test_the_authority_is_renewed_and_nobody_is_locked_out_on_the_way(region: Deployment) -> None:
    """The page's three blocks: at each step the writer of the step before is let in; at the end nobody trusts the old one."""
    old = region.folder / "old-ca.pem"
    old.write_bytes((region.secrets / "ca.pem").read_bytes())
    before = region.access()
    assert len(BLOCKS) == 3, "the page has changed: this test follows it"
    beside, anew, out = BLOCKS
    _commands(region, beside)
    both = region.folder / "both-ca.pem"
    both.write_bytes((region.secrets / "ca.pem").read_bytes())
    assert both.read_bytes().count(b"BEGIN CERTIFICATE") == 2
    _recreated(region)
    for trusted in (old, both):
        _let_in(region, replace(before, ca=trusted))
    _commands(region, anew)
    _recreated(region)
    _let_in(region, replace(before, ca=both))
    assert region.admin(ONE_BROKER).returncode == 0, "the administrator's certificate is of the new authority too"
    _commands(region, out)
    assert (region.secrets / "ca.pem").read_bytes().count(b"BEGIN CERTIFICATE") == 1
    _recreated(region)
    _let_in(region, region.access())
    with pytest.raises(KafkaError):
        KafkaAdminClient(**replace(before, ca=old).settings() | QUICKLY).list_topics()


def _let_in(region: Deployment, access: Access) -> None:
    client = KafkaAdminClient(**access.settings())
    try:
        assert "unbroken" in client.list_topics()
    finally:
        client.close()
    assert region.brokers[1].healthy()
