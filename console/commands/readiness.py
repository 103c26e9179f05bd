"""What a step also needs: released lots, calibrated devices, current training."""

from typing import Annotated, Any

import typer

from console import here
from console.acting import record_site, shown, tick
from console.options import As, Json, Secret, Why
from console.show import as_json, line, table
from console.signin import sit
from console.times import read_day_or_time
from events.facts.recalls import RecallReached
from events.identifiers import read_code
from protocol import administration
from protocol.sensible import check_until
from protocol.state import instance

LOTS, OTHERS = 30, 20
"""How many years ahead a lot expires at most; a calibration is due, a training ends."""
Item = Annotated[str, typer.Option("--item", metavar="NAME", help="What it is, by the name the protocol gives it.")]


def release(
    lot: Annotated[str, typer.Argument(metavar="LOT", help="The lot's code, as scanned.")],
    item: Item,
    expires: Annotated[
        str,
        typer.Option(
            "--expires",
            metavar="TIME",
            help="When it expires: a day (with its end, where it is used), or a time.",
        ),
    ],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Release a lot for use until it expires.

    Example: unbroken lot release KIT-2201 --item collection_kit --expires 2027-01-31 --as quality.1
    """
    site, code = here.site(), read_code(lot)
    until = read_day_or_time(expires, site.zone)
    check_until("Expiry", until, site.now(), site.zone.key, LOTS)

    def decide(actor: Any, _authority: Any) -> list[Any]:
        return [administration.release_lot(actor, code, item, until)]

    record_site(site, [f"lot/{code}"], decide, account, secret, json, "released")


def recall(
    lot: Annotated[str, typer.Argument(metavar="LOT", help="The lot's code.")],
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Recall a lot: no step may use it any more, and every patient whom it touched is listed and protected at once.

    What is live of it, and of everything that was made from it since, is quarantined; where it is in a patient already, a
    critical deviation opens and the study's roles are alerted. All of that is one record (or several, if one does not hold it).

    Example: unbroken lot recall KIT-2201 --why "sterility failure reported by the maker" --as quality.1
    """
    site, code = here.site(), read_code(lot)
    sitting = sit(site, account, secret)
    desk = site.desk()
    released = desk.equipment.known(code).lot is not None
    receipts = desk.recall_lot(code, why, sitting)
    facts = [fact for receipt in receipts for fact in receipt.facts]
    reached = [fact for fact in facts if isinstance(fact, RecallReached)]
    if json:
        tick(site)
        as_json(
            {
                "lot": code,
                "reason": why,
                "released": released,
                "records": [{"position": receipt.position, "link": receipt.link} for receipt in receipts],
                "reached": [fact.to_wire() for fact in reached],
                "simulated": site.simulated,
            }
        )
        return
    for receipt in receipts:
        shown(site, desk, receipt, sitting, None, json)
    rows = [
        [
            fact.therapy,
            desk.therapy(fact.therapy).subject,
            ", ".join(str(instance(key)) for key in fact.uses),
            ", ".join(fact.materials),
            ", ".join(fact.infused) or ("given to the patient" if fact.given else ""),
        ]
        for fact in reached
    ]
    columns = ["therapy", "subject", "used in", "quarantined", "in the patient"]
    table(columns, rows, f"\nReached by the recall of lot {code}", "No patient was touched.")
    if not released:
        line(f"Attention: nobody has released a lot {code} here. Is that its code? It is recalled all the same.")
    line(f"Next: unbroken trace --lot {code}")


def calibrated(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's code, as scanned.")],
    item: Item,
    due: Annotated[
        str,
        typer.Option(
            "--due", metavar="TIME", help="When the next calibration is due: a day (with its end), or a time."
        ),
    ],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that a device is in calibration until it is due again.

    Example: unbroken device calibrated SEP-01 --item cell_separator --due 2026-12-31 --as quality.1
    """
    site, code = here.site(), read_code(device)
    until = read_day_or_time(due, site.zone)
    check_until("Calibration due", until, site.now(), site.zone.key, OTHERS)

    def decide(actor: Any, _authority: Any) -> list[Any]:
        return [administration.calibrate(actor, code, item, until)]

    record_site(site, [f"device/{code}"], decide, account, secret, json)


def train(
    whose: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose training; it holds for the person.")],
    topic: Annotated[str, typer.Option("--topic", metavar="NAME", help="The topic, as the protocol names it.")],
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Until when it is current: a day (with its end), or a time.")
    ],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that a person's training is current. Nobody records one's own.

    Example: unbroken training record apheresis.nurse.1 --topic apheresis --until 2027-02-28 --as quality.1
    """
    site = here.site()
    person = site.desk().actor(whose).person
    moment = read_day_or_time(until, site.zone)
    check_until("Training until", moment, site.now(), site.zone.key, OTHERS)

    def decide(actor: Any, _authority: Any) -> list[Any]:
        return [administration.train(actor, person, topic, moment)]

    record_site(site, [f"training/{person}"], decide, account, secret, json)
