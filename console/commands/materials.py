"""Material beside the protocol's steps: the second signature of a disposal, kept, returned, lost, found again."""

from typing import Annotated

import typer

from console import here
from console.acting import act
from console.acts import command
from console.options import As, At, Json, Secret, TherapyArg, Why
from console.site import Site
from console.times import moment_or_now
from events.errors import Refused
from protocol.commands import (
    DropDisposal,
    FindMaterial,
    KeepMaterial,
    LoseMaterial,
    ReturnMaterial,
    StoreMaterial,
    WitnessDisposal,
)

Materials = Annotated[list[str], typer.Option("--material", metavar="CODE", help="Which material. Repeat it.")]
Place = Annotated[str, typer.Option("--place", metavar="PLACE", help="A place of the protocol.")]
Says = Annotated[str, typer.Option("--says", metavar="TEXT", help="What happened.")]
Which = Annotated[
    str | None,
    typer.Option("--act", metavar="LINK", help="Which disposal, where several wait: the beginning of its link."),
]


def witness(
    therapy: TherapyArg, which: Which = None, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """Sign a disposal second, where the study asks for two people. Only then does custody end.

    Example: unbroken material witness T-7K2QXM --as operator.2
    """
    site = here.site()
    act(site, therapy, command(WitnessDisposal, {"act": _waiting(site, therapy, which)}), account, secret, json)


def drop(
    therapy: TherapyArg, why: Why, which: Which = None, account: As = None, secret: Secret = None, json: Json = False
) -> None:
    """A disposal that waits for its second signature does not stand: taken back, or not signed.

    Example: unbroken material drop T-7K2QXM --why "wrong bag named" --as operator.2
    """
    site = here.site()
    document = {"act": _waiting(site, therapy, which), "reason": why}
    act(site, therapy, command(DropDisposal, document), account, secret, json)


def _waiting(site: Site, therapy: str, which: str | None) -> str:
    """The link of the one disposal that waits; one that was named is taken as it is."""
    links = list(site.desk().therapy(therapy).disposals)
    if which or len(links) == 1:
        return which or links[0]
    raise Refused(
        "signature.which" if links else "signature.pending",
        f"{len(links)} disposals of {therapy} wait for a second signature.",
        values={"therapy": therapy, "acts": [link[:12] for link in links]},
        advice="Name the one with --act LINK." if links else "Nothing is to be signed.",
    )


def store(
    therapy: TherapyArg,
    material: Materials,
    position: Annotated[str, typer.Option("--position", metavar="POSITION", help="Where it lies now.")],
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Put material into another storage position: apart, where its patient's infection markers ask for it, else with the others.

    Example: unbroken material store T-7K2QXM --material RES-0001 --position SEG-B2 --why "HBsAg is positive" --as operator.1
    """
    document = {"materials": material, "position": position, "reason": why}
    act(here.site(), therapy, command(StoreMaterial, document), account, secret, json)


def keep(
    therapy: TherapyArg,
    material: Materials,
    place: Place,
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Keep material that its therapy does not need any more, as the consent permits. Whoever signs holds it from now on.

    Example: unbroken material keep T-7K2QXM --material RS-0001 --place biobank --why "for research" --as biobanker.1
    """
    document = {"materials": material, "place": place, "reason": why}
    act(here.site(), therapy, command(KeepMaterial, document), account, secret, json)


def give_back(
    therapy: TherapyArg,
    material: Materials,
    to: Annotated[str, typer.Option("--to", metavar="TEXT", help="To whom, outside; no name of a patient.")],
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Record that material was returned to somebody outside; its custody here ends.

    Example: unbroken material return T-7K2QXM --material G123498654321 --to "collection centre" --why "unused" --as qa.releaser.1
    """
    document = {"materials": material, "to": to, "reason": why}
    act(here.site(), therapy, command(ReturnMaterial, document), account, secret, json)


def lost(
    therapy: TherapyArg,
    material: Materials,
    says: Says,
    how: Annotated[
        str, typer.Option("--how", help="lost, or destroyed (by accident: a bag broke, a freezer failed).")
    ] = "lost",
    at: At = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report that material was lost, or destroyed by accident. Whoever has material in their hands may; it is heard at once.

    Example: unbroken material lost T-7K2QXM --material G123498654321.S1150VA0 --how destroyed --says "bag tore" --as cell.lab.1
    """
    site = here.site()
    document = {"materials": material, "how": how, "says": says, "at": moment_or_now(site, at)}
    act(site, therapy, command(LoseMaterial, document), account, secret, json)


def found(
    therapy: TherapyArg,
    material: Materials,
    place: Place,
    says: Says,
    at: At = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Report that lost material was found. You hold it, in quarantine, until QA decides.

    Example: unbroken material found T-7K2QXM --material G123498654321 --place plant --says "in the wrong rack" --as receiver.1
    """
    site = here.site()
    document = {"materials": material, "place": place, "says": says, "at": moment_or_now(site, at)}
    act(site, therapy, command(FindMaterial, document), account, secret, json)
