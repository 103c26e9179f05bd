"""Set a site up and look at it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from console import here
from console.options import As, Json, Kafka, KafkaSecurity, Secret, Topic
from console.show import Screen, as_json, line, pairs, say
from events.errors import Refused


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new site's folder.")],
    name: Annotated[str, typer.Option("--name", metavar="PRINTED", help="The site's name, as it stands in the log.")],
    code: Annotated[str, typer.Option("--site-code", metavar="CODE", help="A short code, written into each therapy.")],
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Its time zone, as in the tz database.")] = "UTC",
    protocol: Annotated[
        Path | None,
        typer.Option("--protocol", metavar="FILE", help="The study to adopt; the shipped one, if left out."),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option("--people", metavar="FILE", help="YAML: account, person, printed_name, roles of each person."),
    ] = None,
    admin: Annotated[
        str, typer.Option("--admin", metavar="ACCOUNT", help="Without --people: the administrator's account.")
    ] = "admin",
    admin_name: Annotated[
        str, typer.Option("--admin-name", metavar="PRINTED", help="Without --people: the administrator's printed name.")
    ] = "Administrator",
    passphrases: Annotated[
        Path | None, typer.Option("--passphrases", metavar="FILE", help="For scripts: YAML of account: passphrase.")
    ] = None,
    generate: Annotated[
        Path | None,
        typer.Option("--generate-passphrases", metavar="FILE", help="Write new passphrases into this file, once."),
    ] = None,
    kafka: Kafka = None,
    topic: Topic = "unbroken",
    kafka_security: KafkaSecurity = None,
    simulated_from: Annotated[
        str | None,
        typer.Option("--simulated-from", metavar="TIME", help="For trying things out: the site's clock is simulated."),
    ] = None,
    json: Json = False,
) -> None:
    """Set a site up: the log's first record, its people with roles and keys, the study's protocol. Whole, or not at all.

    The log's id is printed at the end. Write it down outside this computer: it is the only thing an inspector must trust.

    A people file is a list: each person has account, person, printed_name and roles (the protocol's, or administrator,
    quality, supervisor). One person with two accounts is one person.

    Example: unbroken site init ./site --name "St. Anna" --site-code ANNA --zone Europe/Berlin --people people.yaml
    """
    from console.founding import Founding, found, study_file
    from console.where import kafka_settings, refuse_half

    refuse_half(kafka, topic, kafka_security)
    plan = Founding(
        folder=folder,
        name=name,
        code=code,
        zone=zone,
        study=study_file(protocol),
        people=people,
        administrator=(admin, admin_name),
        passphrases=passphrases,
        generate=generate,
        simulated_from=_simulated(simulated_from, zone),
        kafka=kafka_settings(kafka, topic, kafka_security) if kafka else None,
    )
    site, adopted, gaps = found(plan, lambda text: None if json else say(text))
    accounts = list(site.log.authority().people)
    if json:
        as_json({"site": str(site.folder), "log": site.log_id, "protocol": adopted.digest, "accounts": accounts,
                 "staffing_gaps": gaps})  # fmt: skip
        return
    head = adopted.protocol
    line(f"The site {name} stands in {folder}: {len(accounts)} accounts, {site.log.size()} records.")
    line(f"Protocol {head.id} {head.version} is adopted, digest {adopted.digest}.")
    for gap in gaps:
        line(f"Warning: {gap}")
    line(f"\nThe log's id: {site.log_id}")
    line(
        "Write it down outside this computer (on paper, in the trial master file). `unbroken verify --log-id` holds the log"
    )
    line("against it: who can change this folder cannot change what you wrote down.")
    line("Next: unbroken open --help")


def _simulated(text: str | None, zone: str) -> datetime | None:
    if text is None:
        return None
    from console.creation import refuse_zone
    from console.times import read_time
    from events.zones import zone_of

    refuse_zone(zone)
    return read_time(text, zone_of(zone))


def join(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    name: Annotated[str, typer.Option("--name", metavar="PRINTED", help="This site's name.")],
    code: Annotated[str, typer.Option("--site-code", metavar="CODE", help="A short code of its own.")],
    log_id: Annotated[
        str,
        typer.Option("--log-id", metavar="HEX", help="The log's id, as it was written down when the log was begun."),
    ],
    admin_key: Annotated[
        Path,
        typer.Option("--admin-key", metavar="FILE", help="The locked key file of an administrator; it comes along."),
    ],
    kafka: Annotated[str, typer.Option("--kafka", metavar="SERVERS", help="host:port of a broker, or of several.")],
    topic: Topic = "unbroken",
    kafka_security: KafkaSecurity = None,
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Its time zone, as in the tz database.")] = "UTC",
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Join a log that another site began in Kafka: a folder with its own local copy and its own system key.

    People sign here once their locked key file lies in keys/ (copy it, or give them a new one: unbroken person key).

    Example: unbroken site join ./plant --name Plant --site-code PLNT --kafka broker:9092 --log-id 5d0c... \
    --admin-key admin.pem --as admin
    """
    from console import joining
    from console.signin import named, passphrase
    from console.where import kafka_settings

    admin = named(account)
    settings = kafka_settings(kafka, topic, kafka_security)
    plan = joining.Joining(folder, name, code, zone, settings, log_id.strip().lower(), admin, admin_key)
    site = joining.join(plan, passphrase(admin, secret))
    if json:
        as_json(
            {"site": str(site.folder), "log": site.log_id, "system": site.system_account, "records": site.log.size()}
        )
        return
    line(f"The site {name} stands in {folder}, on log {site.log_id[:16]} with {site.log.size()} records.")
    line(
        f"Its own system account is {site.system_account}. Put people's key files into {folder}/keys, then: unbroken worklist"
    )


def show(json: Json = False) -> None:
    """Show the site: its log, its protocols, and what its people cannot staff.

    Example: unbroken site show
    """
    from protocol.check import staffing_gaps

    site = here.site()
    desk = site.desk()
    authority = site.log.authority()
    protocols = desk.protocols()
    people = {p.account: (p.person, p.roles_at()) for p in authority.people.values()}
    gaps = staffing_gaps(protocols[-1], people) if protocols else []
    adopted = [f"{p.protocol.id} {p.protocol.version} ({p.digest[:12]})" for p in protocols]
    therapies = len(site.log.streams("therapy/"))
    if json:
        as_json({"name": site.name, "code": site.code, "zone": site.zone.key, "log": site.log_id, "size": site.log.size(),
                 "simulated": site.simulated, "now": site.now(), "protocols": [p.digest for p in protocols],
                 "therapies": therapies, "staffing_gaps": gaps})  # fmt: skip
        return
    screen = Screen(site)
    screen.simulated()
    pairs(
        [
            ("site", f"{site.name} ({site.code}), zone {site.zone.key}"),
            ("now", screen.when(site.now())),
            ("log id", site.log_id),
            ("records", str(site.log.size())),
            ("durability", site.log.durability),
            ("therapies", str(therapies)),
            ("protocols", ", ".join(adopted) or "none adopted"),
            ("people", f"{len(people)} accounts"),
        ]
    )
    for gap in gaps:
        line(f"Warning: {gap}")


def zone(
    name: Annotated[str, typer.Argument(metavar="ZONE", help="Where it stands from now on: Europe/Berlin.")],
) -> None:
    """Move the site to another time zone. Days of what was signed stay the days that they were; each new record says its zone.

    Example: unbroken site zone Asia/Shanghai
    """
    site = here.site()
    before = site.zone.key
    site.stand_in(name)
    line(f"{site.name} stood in {before} and stands in {name} from now on: {Screen(site).when(site.now())}.")
    line("Whoever signs here means days of that zone; what was signed before is counted where it was signed.")


def clock(
    forward: Annotated[
        str | None, typer.Option("--forward", metavar="LENGTH", help="For example 30 min, 24 h, 7 d.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="The simulated time from now on.")] = None,
) -> None:
    """Show the site's clock, or move it on where time is simulated. A real site's clock is the computer's.

    Example: unbroken site clock --forward "24 h"
    """
    from console.times import read_time
    from protocol.duration import read_duration

    site = here.site()
    now = site.now()
    if forward or at:
        if not site.simulated:
            raise Refused(
                "site.clock",
                f"The clock of {site.name} is real; it cannot be moved.",
                advice="Only a site set up with --simulated-from, or the demo's, has a clock to move.",
            )
        try:
            later = read_time(at, site.zone) if at else read_duration(forward).after(now, site.zone.key)
        except ValueError as problem:
            raise Refused("input.form", f"--forward: {problem}.", advice="Write it as said.") from None
        if later <= now:
            shown, given = Screen(site).when(now), Screen(site).when(later)
            stands = "is the time that the clock shows already" if later == now else f"is before {shown}"
            raise Refused(
                "site.clock",
                f"The clock is only moved on, and {given} {stands}.",
                advice=f"Choose a time after {shown}.",
                values={"now": now, "given": later},
            )
        site.set_clock(later)
    screen = Screen(site)
    line(f"{screen.when(site.now())} ({'simulated' if site.simulated else 'the computer' + chr(39) + 's clock'})")
