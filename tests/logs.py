"""Temperature logs for tests: the same readings, written as different loggers' programs write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources

from events.facts.logger import LogFigures
from events.zones import zone_of
from protocol.logger.asked import Asked
from protocol.logger.deciding import asked_of
from protocol.logger.declaration import Declaration, read_declaration
from protocol.logger.figures import read_figures
from tests.stage import Staged

BERLIN = zone_of("Europe/Berlin")
BEGAN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
"""When the logs of these tests begin: 08:00 in Berlin, no change of clocks near."""
BOUNDS = (("below", Decimal(2)), ("above", Decimal(8)))
PLAUSIBLE = (Decimal(-40), Decimal(60))


def shipped(name: str, **said: object) -> Declaration:
    """A format that ships, with what a read-out says beside it."""
    text = resources.files("protocol").joinpath(f"logger/formats/{name}.yaml").read_text(encoding="utf-8")
    return read_declaration(text, name).with_(**said)


def plain(**said: object) -> Declaration:
    """The format of most of these tests: commas, decimal point, year first, times in UTC."""
    return shipped("comma-point-iso", **{"zone": "UTC", **said})


def rows(values: Sequence[object], every: int = 10, began: datetime = BEGAN) -> str:
    """A file of the format of most of these tests; a value of None leaves its row out."""
    lines = ["Date/Time,Temperature"]
    for number, value in enumerate(values):
        if value is not None:
            lines.append(f"{began + timedelta(minutes=every * number):%Y-%m-%d %H:%M:%S},{value}")
    return "\n".join(lines) + "\n"


def asked(minutes: float = 0, *, starts: datetime = BEGAN, **more: object) -> Asked:
    """A stretch from the beginning of the log, with the bounds of a shipment at 2-8 C."""
    given = {"bounds": BOUNDS, "plausible": PLAUSIBLE, "energy": Decimal("83.144"), **more}
    return Asked(starts, starts + timedelta(minutes=minutes), **given)  # type: ignore[arg-type]


def figures(text: str | bytes, minutes: float, declared: Declaration | None = None, **more: object) -> LogFigures:
    """The figures of a file for that many minutes from its beginning."""
    data = text.encode() if isinstance(text, str) else text
    return read_figures(data, declared or plain(), asked(minutes, **more))  # type: ignore[arg-type]


def outside(found: LogFigures, side: str = "above", bound: str = "8") -> str:
    """Seconds outside one bound."""
    (band,) = (b for b in found.bands if (b.side, b.bound) == (side, bound))
    return band.outside


# ---------------------------------------------------------------------------------------------------- as loggers write


def _fahrenheit(value: Decimal) -> Decimal:
    return value * 9 / 5 + 32


def written(name: str, values: Sequence[Decimal], every: int = 10) -> bytes:
    """Readings as a file of a shipped format, with what such files have around their table."""
    times = [BEGAN + timedelta(minutes=every * n) for n in range(len(values))]
    local = [at.astimezone(BERLIN) for at in times]
    pairs = list(zip(local, values, strict=True))
    match name:
        case "semicolon-comma":
            head = ["Seriennummer;4711", "Gerät;Blaue Box", "", "Datum/Zeit;Temperatur (°C);Alarm"]
            body = [
                f"{at:%d.%m.%Y %H:%M:%S};{value};".replace(".", "§").replace("§", ".", 2).replace("§", ",")
                for at, value in pairs
            ]
            return "\r\n".join([*head, *body, "", "Minimum;2,5 °C", "Ende"]).encode("utf-8-sig")
        case "semicolon-comma-two-columns":
            head = ["Nr.;Datum;Zeit;Temperatur [°C]"]
            body = [
                f"{n};{at:%d.%m.%Y;%H:%M};" + f"{value}".replace(".", ",") for n, (at, value) in enumerate(pairs, 1)
            ]
            return "\n".join([*head, *body]).encode()
        case "comma-point-us":
            head = ["Device,ABC-1", "", '"Date/Time","Temperature (°F)","Alarm"']
            body = [f"{at.month}/{at.day}/{at.year} {at:%I:%M:%S %p},{_fahrenheit(value)}," for at, value in pairs]
            return "\r\n".join([*head, *body]).encode()
        case "comma-point-iso":
            return "\n".join(
                ["Timestamp,Temperature,Humidity", *(f"{at:%Y-%m-%d %H:%M:%S},{value},45" for at, value in pairs)]
            ).encode()
        case "comma-point-offset":
            return "\n".join(["timestamp,temperature", *(f"{at.isoformat()},{value}" for at, value in pairs)]).encode()
        case "tab-point":
            body = [f"{n}\t{at:%Y-%m-%d %H:%M}\t{value}" for n, (at, value) in enumerate(pairs, 1)]
            return "\n".join(["No.\tTime\tTemperature (°C)", *body]).encode()
        case "titled-quoted":
            head = [
                '"Plot Title: Box 7"',
                '"#","Date Time, GMT+01:00","Temp, °C (LGR S/N: 1, SEN S/N: 1)","Host Connected"',
            ]
            body = [f"{n},{at:%m/%d/%y %I:%M:%S %p},{value}," for n, (at, value) in enumerate(pairs, 1)]
            event = f"{len(body) + 1},{local[-1]:%m/%d/%y %I:%M}:30 {local[-1]:%p},,Logged"
            return "\n".join([*head, *body, event]).encode()
        case "unit-column":
            head = [
                "Part Number: X",
                "Sample Rate: Every 10 minute(s)",
                "Is Mission Active?  true",
                "",
                "Date/Time,Unit,Value",
            ]
            body = [f"{at:%d/%m/%y %I:%M:%S %p},C,{value}" for at, value in pairs]
            return "\n".join([*head, *body]).encode("cp1252")
        case "report-utf16":
            head = ["Report", "Serial number:\t7", "Time zone:\tUTC+01:00", "", "No.\tTime\tTemperature(°C)"]
            body = [
                f"{n}\t{at:%Y-%m-%d %H:%M:%S}\t{value}{' H' if value > 8 else ''}"
                for n, (at, value) in enumerate(pairs, 1)
            ]
            return "\r\n".join([*head, *body, "", "Alarms:\t0"]).encode("utf-16")
        case _:
            raise LookupError(name)


NEEDS_ZONE = frozenset(
    "semicolon-comma semicolon-comma-two-columns comma-point-us comma-point-iso tab-point unit-column report-utf16".split()
)
"""Shipped formats whose files do not say their zone."""
_FORMATS = resources.files("protocol").joinpath("logger/formats")
EVERY_FORMAT = tuple(sorted(e.name.removesuffix(".yaml") for e in _FORMATS.iterdir() if e.name.endswith(".yaml")))


def read_as(name: str, data: bytes, **more: object) -> LogFigures:
    """The figures of a file of a shipped format, as it would be given on the command line in Berlin."""
    said = {"zone": "Europe/Berlin"} if name in NEEDS_ZONE else {}
    return read_figures(data, shipped(name, **said), asked(**more))  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- of a step


def of_step(
    site: Staged,
    step: str,
    values: Sequence[object],
    *,
    every: int = 10,
    before: int = 30,
    declared: Declaration | None = None,
) -> tuple[bytes, LogFigures]:
    """A log whose readings begin `before` minutes before the stretch of a step that ends now: the raw file, and its figures."""
    asked = asked_now(site, step)
    data = rows([*[values[0]] * (before // every), *values], every, asked.starts - timedelta(minutes=before)).encode()
    return data, read_figures(data, declared or plain(), asked)


def asked_now(site: Staged, step: str) -> Asked:
    """What a step asks of its log: of the act that was done, or of one that ends now."""
    due = site.due(step)
    act = site.now.acts.get(due.at) or site.now.waiting(due.at)
    return asked_of(site.now, site.protocol, site.protocol.by_id[step], due.at, act.fact.ended if act else site.clock())
