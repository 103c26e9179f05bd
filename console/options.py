"""Options that many commands share, so that the same thing has the same name everywhere."""

from pathlib import Path
from typing import Annotated

import typer

from events.errors import Refused


def reason(text: str | None) -> str | None:
    """A reason that says something.

    Raises:
        Refused: it is empty, or only spaces.
    """
    if text is not None and not text.strip():
        raise Refused(
            "input.form", "The reason is empty.", values={"given": text}, advice="Say why; nothing was recorded."
        )
    return text


TherapyArg = Annotated[
    str, typer.Argument(metavar="THERAPY", help="The therapy's id, T- and letters or digits, for example T-7K2QXM.")
]
StepArg = Annotated[str, typer.Argument(metavar="STEP", help="The step's name in the protocol, for example apheresis.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="ACCOUNT", help="Who signs. The passphrase is asked each time.")
]
Secret = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Read the passphrase from this file instead of asking; UNBROKEN_PASSPHRASE serves too.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON, times in UTC.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", callback=reason, help="The reason. It is signed and kept.")]
Occurrence = Annotated[
    str | None, typer.Option("--occurrence", metavar="N", help="Which occurrence or visit, where several are open.")
]
OfMaterial = Annotated[
    str | None, typer.Option("--material", metavar="CODE", help="Which material, for a step done on each of them.")
]
Reads = Annotated[
    list[str] | None,
    typer.Option("--read", metavar="NAME=VALUE", help='A value with its unit: --read volume="250 mL". Repeat it.'),
]
Confirms = Annotated[
    list[str] | None,
    typer.Option(
        "--confirm",
        metavar="NAME=TEXT",
        help="Why a value is right that the program asks about: it leaps from the last one.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="TIME", help="When it happened: 2026-03-01T09:30, in the site's zone unless it names one."
    ),
]
LoggerFile = Annotated[
    str | None,
    typer.Option("--logger", metavar="FILE", help="The temperature logger's raw file, as it was read out; it is kept."),
]
LoggerFormat = Annotated[
    str | None,
    typer.Option("--logger-format", metavar="NAME", help="How that file is written: see `unbroken logger formats`."),
]
LoggerZone = Annotated[
    str | None,
    typer.Option(
        "--logger-zone",
        metavar="ZONE",
        help="The zone of its times, if the format says none: Europe/Berlin, +01:00.",
    ),
]
LoggerClock = Annotated[
    str | None,
    typer.Option(
        "--logger-clock", metavar="TEXT", help='How its clock was wrong: "90 s fast", "40 s slow at read-out".'
    ),
]
LoggerInterval = Annotated[
    str | None,
    typer.Option(
        "--logger-interval", metavar="LENGTH", help="How often it measures, if the format does not say: 10 min."
    ),
]
LoggerLost = Annotated[
    str | None,
    typer.Option("--logger-lost", metavar="WHY", help="There is no file, and why: the whole time counts as unknown."),
]

Kafka = Annotated[
    str | None,
    typer.Option("--kafka", metavar="SERVERS", help="Keep the log in Kafka: host:port of a broker, or of several."),
]
Topic = Annotated[str, typer.Option("--topic", metavar="NAME", help="With --kafka: the log's topic.")]
KafkaSecurity = Annotated[
    Path | None,
    typer.Option(
        "--kafka-security",
        metavar="FILE",
        help="With --kafka: YAML of protocol (SASL_SSL, SSL, ...), ca, user, password_file, certificate, key.",
    ),
]
