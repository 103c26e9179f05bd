"""What a step also needs: released lots, calibrated devices, current training."""

from typing import Annotated, Any

import typer

from console import here
from console.acting import record_site
from console.options import As, Json, Secret, Why
from console.show import line, table
from console.times import read_time
from events.identifiers import read_code
from protocol import administration

Item = Annotated[str, typer.Option("--item", metavar="NAME", help="What it is, by the name the protocol gives it.")]


def release(
    lot: Annotated[str, typer.Argument(metavar="LOT", help="The lot's code, as scanned.")],
    item: Item,
    expires: Annotated[str, typer.Option("--expires", metavar="TIME", help="When it expires.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Release a lot for use until it expires.

    Example: unbroken lot release KIT-2201 --item collection_kit --expires 2027-01-31T23:59 --as quality.1
    """
    site, code = here.site(), read_code(lot)
    until = read_time(expires, site.zone)

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
    """Recall a lot: no step may use it any more. Every patient whom it touched is listed at once.

    Example: unbroken lot recall KIT-2201 --why "sterility failure reported by the maker" --as quality.1
    """
    site, code = here.site(), read_code(lot)

    def decide(actor: Any, _authority: Any) -> list[Any]:
        return [administration.recall_lot(actor, code, why)]

    record_site(site, [f"lot/{code}"], decide, account, secret, json)
    if json:
        return
    desk = site.desk()
    touched = []
    for stream in site.log.streams("therapy/"):
        therapy = desk.therapy(stream.removeprefix("therapy/"))
        for act in (*therapy.acts.values(), *therapy.pending.values()):
            if any(used.code == code for used in act.fact.used):
                touched.append([therapy.id, therapy.subject, str(act.at)])
    table(["therapy", "subject", "used in"], touched, f"\nTouched by lot {code}", "No patient.")
    if touched:
        line("Open a deviation for each: unbroken deviation open THERAPY --grade critical --says TEXT")


def calibrated(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's code, as scanned.")],
    item: Item,
    due: Annotated[str, typer.Option("--due", metavar="TIME", help="When the next calibration is due.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that a device is in calibration until it is due again.

    Example: unbroken device calibrated SEP-01 --item cell_separator --due 2026-12-31T23:59 --as quality.1
    """
    site, code = here.site(), read_code(device)
    until = read_time(due, site.zone)

    def decide(actor: Any, _authority: Any) -> list[Any]:
        return [administration.calibrate(actor, code, item, until)]

    record_site(site, [f"device/{code}"], decide, account, secret, json)


def train(
    whose: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose training; it holds for the person.")],
    topic: Annotated[str, typer.Option("--topic", metavar="NAME", help="The topic, as the protocol names it.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="Until when it is current.")],
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that a person's training is current. Nobody records one's own.

    Example: unbroken training record apheresis.nurse.1 --topic apheresis --until 2027-03-01T00:00 --as quality.1
    """
    site = here.site()
    person = site.desk().actor(whose).person
    moment = read_time(until, site.zone)

    def decide(actor: Any, _authority: Any) -> list[Any]:
        return [administration.train(actor, person, topic, moment)]

    record_site(site, [f"training/{person}"], decide, account, secret, json)
