"""The text of this repository names no registry host, no folder of a developer's machine, and not how it came to be."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Written in pieces, so that this file passes its own test.
UNWANTED = {
    "a registry host": re.compile(
        "|".join(["pypi" + r"\.org", "files" + r"\.pythonhosted", "registry" + r"\.npmjs"]), re.I
    ),
    "a folder of one machine": re.compile(r"(?<![\w.}~-])/(?:" + "|".join(["ro" + "ot", "wo" + "rk"]) + r")/"),
    "how it was made": re.compile(
        r"\b(?:" + "|".join(["as an" + " AI", "cla" + "ude", "sub" + "agents?"]) + r")\b", re.I
    ),
}


def text_files() -> list[Path]:
    """Every file that is or would be committed."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout, so what belongs to it is not known")
    return [path for name in listing.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_says_what_only_its_makers_care_about() -> None:
    findings = []
    for path in text_files():
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            findings += [
                f"{path.relative_to(ROOT)}:{number}: {what}: {found.group()}"
                for what, pattern in UNWANTED.items()
                if (found := pattern.search(line))
            ]
    assert not findings, "\n" + "\n".join(findings)
