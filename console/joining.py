"""A further site on a log that exists: a folder with its own copy, its own system key, enrolled by an administrator."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from console.creation import refuse_existing, refuse_zone, site_words
from console.given import bytes_of
from console.keyring import write_secret
from console.site import Site
from console.where import COPY, kafka_access, open_log
from events.authority import SYSTEM
from events.errors import Refused
from events.facts.authority import PersonEnrolled
from events.keys import new_key, open_signer
from events.log import EventLog
from events.reading import read_record
from protocol.desk import Sitting

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Joining:
    """What was asked for.

    Args:
        log_id: as it was printed when the log was begun, and written down.
        admin, admin_key: the administrator's account, and the file of the locked key, which comes along to this site.
    """

    folder: Path
    name: str
    code: str
    zone: str
    kafka: dict[str, Any]
    log_id: str
    admin: str
    admin_key: Path


def join(plan: Joining, passphrase: str, random: Random = os.urandom) -> Site:
    """Set up a folder of this log; it appears whole or not at all.

    Raises:
        Refused: the folder exists, the key does not open, the account is no administrator.
        Corrupt: the topic holds another log.
    """
    refuse_existing(plan.folder)
    refuse_zone(plan.zone)
    name, code = site_words(plan.name, plan.code)
    plan = replace(plan, name=name, code=code)
    locked = bytes_of(plan.admin_key)  # what the line names is looked at before anybody is asked over the network
    making = plan.folder.absolute().with_name(f".{plan.folder.absolute().name}.joining")
    shutil.rmtree(making, ignore_errors=True)
    (making / "keys").mkdir(parents=True)
    making.chmod(0o700)
    try:
        _fill(making, plan, locked, passphrase, random)
        site = Site.open(making)
        site.move(plan.folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return Site.open(plan.folder)


def _fill(making: Path, plan: Joining, locked: bytes, passphrase: str, random: Random) -> None:
    from events.kafka.topic import look

    about = {**plan.kafka, "topic_id": look(kafka_access(making, plan.kafka)).id}
    log = open_log(making, about, plan.log_id, copy=making / COPY)
    try:
        size = log.size()
        genesis, last = (read_record(next(iter(log.read(at, at + 1)))).statement for at in (0, _last(log, size)))
    finally:
        log.close()
    simulated = bool(genesis.facts[0].get("simulated", False))
    system = f"system.{plan.code.lower()}"
    described = {
        "name": plan.name,
        "code": plan.code,
        "zone": plan.zone,
        "log": plan.log_id,
        "simulated": simulated,
        "system": system,
        "kafka": about,
    }
    (making / "site.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    own, secret = new_key(random), random(24).hex()
    write_secret(making / "keys" / f"{system}.pem", own.locked(secret, random))
    write_secret(making / "keys" / "system.passphrase", (secret + "\n").encode())
    write_secret(making / "keys" / f"{plan.admin}.pem", locked)
    site = Site.open(making)
    if simulated:
        site.set_clock(last.recorded)
    try:
        signer = open_signer(f"file:{making / 'keys' / plan.admin}.pem", passphrase)
        if signer is None:
            raise Refused(
                "authority.passphrase",
                f"The passphrase does not open {plan.admin_key}.",
                values={"account": plan.admin},
                advice="Type it again, or name the right key file.",
            )
        enrolled = PersonEnrolled(
            person="SYSTEM",
            account=system,
            printed_name=f"Unbroken, the system itself, at {plan.name}",
            public_key=own.public.hex(),
            roles=(SYSTEM,),
        )
        site.desk().authorise(lambda _actor, _authority: [enrolled], Sitting(plan.admin, signer))
    finally:
        site.close()


def _last(log: EventLog, size: int) -> int:
    """Where the last accepted record stands."""
    return next(at for at in range(size - 1, -1, -1) if log.placements(at))
