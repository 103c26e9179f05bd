"""Two components each time: the account, and the passphrase asked without echo (21 CFR 11.200)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from console.given import text_of
from console.secret import in_confidence
from events.errors import Refused

if TYPE_CHECKING:
    from console.site import Site
    from protocol.desk import Sitting


def sit(site: Site, account: str | None, secret: Path | None) -> Sitting:
    """Somebody sits down at the desk.

    Raises:
        Refused: no account is named, no passphrase can be asked, or see `Site.sitting`.
    """
    who = named(account)
    site.desk().actor(who)  # an account that nobody has is told before a passphrase is asked
    return site.sitting(who, passphrase(who, secret))


def named(account: str | None) -> str:
    """The account, asked on a terminal if the line did not name it."""
    if account:
        return account
    if sys.stdin.isatty():
        return input("Who signs (account): ").strip()
    raise Refused(
        "authority.account",
        "The line does not say who signs.",
        advice="Add --as ACCOUNT; `unbroken person list` shows who is enrolled.",
    )


def passphrase(account: str, secret: Path | None, variable: str = "UNBROKEN_PASSPHRASE") -> str:
    """The passphrase: from the file, from the environment, or asked without echo."""
    if secret is not None:
        return in_confidence(text_of(secret, secret=True).rstrip("\r\n"))
    if variable in os.environ:
        return encodable(os.environ[variable])
    if sys.stdin.isatty():
        from getpass import getpass

        return encodable(getpass(f"Passphrase of {account}: "))
    raise Refused(
        "authority.passphrase",
        f"No passphrase of {account} is given, and there is no terminal to ask on.",
        values={"account": account},
        advice=f"Name a file with --passphrase-file, or set {variable}. Nothing was recorded.",
    )


def encodable(secret: str) -> str:
    """A passphrase that is a text, kept in confidence.

    Raises:
        Refused: it holds bytes that are not UTF-8; it is never shown.
    """
    try:
        in_confidence(secret).encode()
    except UnicodeEncodeError:
        raise Refused(
            "authority.passphrase",
            "The passphrase is not UTF-8.",
            advice="Type it on a terminal that is set to UTF-8. Nothing was recorded.",
        ) from None
    return secret


def new_passphrase(account: str, secret: Path | None) -> str:
    """A new passphrase, asked twice on a terminal.

    Raises:
        Refused: the two differ.
    """
    variable = "UNBROKEN_NEW_PASSPHRASE"
    if secret is not None or variable in os.environ or not sys.stdin.isatty():
        return passphrase(account, secret, variable)
    from getpass import getpass

    first = encodable(getpass(f"New passphrase of {account}: "))
    if getpass(f"Once more, for {account}: ") != first:
        raise Refused(
            "authority.passphrase-twice", "The two passphrases differ.", advice="Begin again; nothing was recorded."
        )
    return first
