"""What runs by itself, and views that can be made again from the log at any time."""

import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from console import followers, here
from console.options import Json, Kafka
from console.show import as_json, line


def rebuild(json: Json = False) -> None:
    """Rebuild the SQL views from the log: new tables, filled, compared, swapped. The old ones stay if it is interrupted.

    Example: unbroken rebuild
    """
    from projections import views

    site = here.site()

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty() and not json:
            print(f"\r{done} of {of} records", end="" if done < of else "\n", file=sys.stderr, flush=True)

    before, after = views.rebuild(site.log, site.views_url, progress, followers.mover("unbroken rebuild"))
    if json:
        as_json({"before": before, "after": after, "equal": before == after})
        return
    line(f"before  {before or 'there were no views'}")
    line(f"after   {after}")
    line(
        "The views are what the log says." if before == after else "The views differed; they are now what the log says."
    )


def digest(json: Json = False) -> None:
    """The digest of the views: SHA-256 over every row, after they were filled up to the log's end.

    Example: unbroken digest
    """
    from projections import views

    site = here.site()
    views.catch_up(site.log, site.views_url, followers.mover("unbroken digest"))
    found = views.digest(site.views_url)
    if json:
        as_json({"digest": found, "records": site.log.size()})
        return
    line(found)


def driver(
    once: Annotated[
        bool, typer.Option("--once", help="Everything that is due now, then stop; don't wait for another driver.")
    ] = False,
    no_views: Annotated[
        bool, typer.Option("--no-views", help="Leave the SQL views to a projector (unbroken projector run).")
    ] = False,
) -> None:
    """Run the driver: it follows the log, re-enters each therapy's one flow run, and records what is due by itself.

    Signing never waits for it. Stop it with Ctrl-C at any time; started again, it goes on where the log stands. A second \
driver stands by, and takes over when the first one ends.

    Example: unbroken driver run
    """
    from console import driving

    driving.run(here.site(), line, once=once, fill=not no_views)


def projector() -> None:
    """Run the projector: it follows the log and fills the SQL views (UNBROKEN_DATABASE), and nothing else.

    Run it where the driver runs with --no-views. Stop it with Ctrl-C at any time. A second projector stands by, and takes \
over when the first one ends.

    Example: unbroken projector run
    """
    from console import projecting

    projecting.run(here.site(), line)


def lag(json: Json = False) -> None:
    """Show how far everything is: the log, the views, the driver; how much each is behind, and who runs it.

    Exit 7 if something cannot be reached; what can be is shown.

    Example: unbroken lag
    """
    from console import lagging

    raise typer.Exit(lagging.show(here.site(), as_json_wanted=json))


def demo(
    keep: Annotated[
        Path,
        typer.Option("--keep", metavar="DIR", help="The demo's folder; what an earlier demo left there is replaced."),
    ] = Path("demo-site"),
    no_driver: Annotated[
        bool, typer.Option("--no-driver", help="Without Prefect: the system takes its turns directly.")
    ] = False,
    kafka: Kafka = None,
) -> None:
    """Run the demo: twelve patients of the shipped study from consent to month 24, signed, recorded, verified.

    The demo's site stays, on a simulated clock: try every other command on it.

    Example: unbroken demo --keep ./demo-site
    """
    from console.demo import run

    text = resources.files("protocol").joinpath("studies/cd20-cd22.yaml").read_text(encoding="utf-8")
    raise typer.Exit(run(keep, text, line, driver=not no_driver, kafka=kafka))
