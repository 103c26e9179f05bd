"""A site begins: genesis under the administrator's key, the system's own account. The folder appears whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.keyring import write_secret
from console.site import SYSTEM_ACCOUNT
from events.authority import STREAM, SYSTEM
from events.envelope import seal
from events.errors import Refused
from events.facts import authority as facts
from events.heads import NOWHERE, Head
from events.instant import to_wire
from events.judge import JUDGE_VERSION
from events.keys import FileKey, key_id, new_key
from events.log_sqlite import SqliteLog
from events.statement import Statement
from events.writing import printed_name
from events.zones import zone_names
from protocol.decide import RULEBOOK
from protocol.desk import Desk, Sitting
from protocol.stored import written

if TYPE_CHECKING:
    from console.cast import Member

Random = Callable[[int], bytes]


def refuse_existing(folder: Path) -> None:
    """A site is never set up over something else.

    Raises:
        Refused: the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(
            "site.new",
            f"{folder} exists and is not empty.",
            values={"folder": folder},
            advice="Choose a new folder; a site is never overwritten.",
        )


def refuse_zone(zone: str) -> None:
    """A site's times are shown in a zone of the tz database.

    Raises:
        Refused: there is no such zone.
    """
    if zone not in zone_names():
        raise Refused(
            "site.zone",
            f"There is no time zone {zone[:60]!r}.",
            values={"zone": zone[:60]},
            advice="Write it as in the tz database, for example Europe/Berlin.",
        )


def site_words(name: str, code: str) -> tuple[str, str]:
    """A site's name and its code, as they are kept.

    Raises:
        Refused: the name is none, or the code has not its form.
    """
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9.\-]{0,23}", code.strip(), re.ASCII):
        raise Refused(
            "site.code",
            f"{code[:60]!r} cannot be the code of a site.",
            values={"code": code[:60]},
            advice="1 to 24 of A-Z, 0-9, dot and hyphen, and the first a letter or digit: ANNA.",
        )
    return written("The site's name", name, printed_name), code.strip()


def create(
    folder: Path,
    name: str,
    code: str,
    zone: str,
    administrator: Member,
    passphrases: Mapping[str, str],
    random: Random,
    simulated_from: datetime | None,
) -> dict[str, FileKey]:
    """Set a site up; returns the keys of the administrator and the system, unlocked.

    Raises:
        Refused: the folder exists, the zone is unknown, or a passphrase is too short.
    """
    refuse_existing(folder)
    refuse_zone(zone)
    name, code = site_words(name, code)
    making = folder.absolute().with_name(folder.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700, parents=True)  # whoever may read the log may read every code in it
    (making / "keys").mkdir()
    try:
        keys = _fill(making, name, code, zone, administrator, passphrases, random, simulated_from)
        if folder.exists():
            folder.rmdir()
        making.rename(folder)  # a site appears whole or not at all
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return keys


def _fill(
    folder: Path,
    name: str,
    code: str,
    zone: str,
    administrator: Member,
    passphrases: Mapping[str, str],
    random: Random,
    simulated_from: datetime | None,
) -> dict[str, FileKey]:
    root, own = new_key(random), new_key(random)
    now = simulated_from or datetime.now(UTC)
    secret = random(24).hex()
    write_secret(
        folder / "keys" / f"{administrator.account}.pem", root.locked(passphrases[administrator.account], random)
    )
    write_secret(folder / "keys" / "system.pem", own.locked(secret, random))
    write_secret(folder / "keys" / "system.passphrase", (secret + "\n").encode())
    person = facts.PersonEnrolled(
        person=administrator.person,
        account=administrator.account,
        printed_name=administrator.printed_name,
        public_key=root.public.hex(),
        roles=administrator.roles,
    )
    opened = facts.LogOpened(
        site=name, zone=zone, root=person, judge=JUDGE_VERSION, simulated=simulated_from is not None
    )
    statement = Statement(
        id=random(16).hex(),
        log=None,
        subject=STREAM,
        heads={STREAM: Head(0, NOWHERE)},
        happened=now,
        recorded=now,
        person=administrator.person,
        account=administrator.account,
        key=key_id(root.public),
        meaning="authorised",
        rulebook=RULEBOOK,
        facts=(opened.to_wire(),),
    )
    log = SqliteLog.create(folder / "log.db", seal(statement.payload(), root).value())
    about = {"name": name, "code": code, "zone": zone, "log": log.id, "simulated": simulated_from is not None}
    (folder / "site.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    if simulated_from is not None:
        (folder / "clock.txt").write_text(to_wire(simulated_from) + "\n", encoding="ascii")
    desk = Desk(log, lambda: now, random, site=code)
    enrolled = facts.PersonEnrolled(
        person="SYSTEM", account=SYSTEM_ACCOUNT, printed_name="Unbroken, the system itself",
        public_key=own.public.hex(), roles=(SYSTEM,),
    )  # fmt: skip
    desk.authorise(lambda _a, _b: [enrolled], Sitting(administrator.account, root))
    log.close()
    return {administrator.account: root, SYSTEM_ACCOUNT: own}
