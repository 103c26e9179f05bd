"""Where the log is kept, and moving it: from a file to Kafka, and back."""

from typing import Annotated

import typer

from console import here
from console.options import As, Json, Kafka, KafkaSecurity, Secret, Topic
from console.show import as_json, line, pairs
from events.errors import Refused


def show(json: Json = False) -> None:
    """Show where the log is kept, and what an acknowledgement promises there.

    Example: unbroken log show
    """
    site = here.site()
    log = site.log
    left = log.authority().left.get(log.place)
    if json:
        as_json({"log": log.id, "place": log.place, "kafka": site.kafka, "records": log.size(),
                 "durability": log.durability, "moved_to": left})  # fmt: skip
        return
    kafka = site.kafka
    where = f"topic {kafka['topic']} at {', '.join(kafka['servers'])}" if kafka else str(site.folder / "log.db")
    pairs(
        [
            ("log", log.id),
            ("kept in", where),
            ("place", log.place),
            ("records", str(log.size())),
            ("durability", log.durability),
            ("MOVED", f"it goes on at {left}; nothing is accepted here" if left else ""),
        ]
    )


def copy(
    kafka: Kafka = None,
    topic: Topic = "unbroken",
    kafka_security: KafkaSecurity = None,
    file: Annotated[bool, typer.Option("--to-file", help="Into log.db in the site's folder.")] = False,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Copy the whole log to another place and go on there: to a Kafka topic (--kafka), or to a file (--to-file).

    The place that is left is sealed first by an administrator's signed record, so nobody can go on there. Same id, same
    positions, refused records included; bytes, verdicts and root are compared before the site goes over. Interrupted, the
    same command goes on.

    Example: unbroken log copy --kafka broker:9092 --topic unbroken --as admin
    """
    from console import moving
    from console.signin import sit
    from console.where import kafka_settings

    site = here.site()
    if (kafka is None) != file:
        raise Refused(
            "log.destination",
            "One destination is needed: --kafka SERVERS, or --to-file.",
            advice="Name one of them.",
        )
    if kafka is None and site.kafka is None:
        raise Refused("log.destination", "The log is in a file already.", advice="Nothing is to be done.")
    sitting = sit(site, account, secret)

    def told(text: str) -> None:
        if not json:
            line(text)

    if kafka is not None:
        settings = kafka_settings(kafka, topic, kafka_security)
        moved = moving.to_kafka(site, settings, sitting, told)
    else:
        moved = moving.to_file(site, sitting, told)
    if json:
        as_json(moved._asdict())
        return
    line(f"{moved.size} records stand at {moved.destination} with the same bytes, the same verdicts and the same root:")
    line(f"  {moved.root}")
    line("The site goes on there. What was left stays as it was, sealed; keep it until the new place is backed up.")


def use(
    kafka: Kafka = None,
    topic: Topic = "unbroken",
    kafka_security: KafkaSecurity = None,
    file: Annotated[bool, typer.Option("--file", help="log.db in the site's folder.")] = False,
    json: Json = False,
) -> None:
    """Tell a site where its log is now: after another site has moved it, or when the brokers' addresses changed.

    The log there must be this site's log, and must have what this site has seen of it.

    Example: unbroken log use --kafka broker-1:9092,broker-2:9092 --topic unbroken
    """
    from console import moving
    from console.where import kafka_settings

    site = here.site()
    if (kafka is None) != file:
        raise Refused("log.destination", "One place is needed: --kafka SERVERS, or --file.", advice="Name one of them.")
    place = moving.use(site, kafka_settings(kafka, topic, kafka_security) if kafka else None)
    if json:
        as_json({"place": place})
        return
    line(f"The site's log is at {place}.")
