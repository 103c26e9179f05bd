"""What went wrong, told to a person or to a program. Never a traceback: that goes into a file, and its path is told."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from events.errors import Refused, Unavailable, UnbrokenError

USAGE, FAULT = 2, 70


def told(problem: Exception, argv: list[str]) -> int | None:
    """Tell a problem that has a name; returns its exit code, None for one that has none."""
    from console.show import json_text

    if isinstance(problem, OSError) and not isinstance(problem, UnbrokenError):
        problem = _of_the_disk(problem, argv)
    if not isinstance(problem, UnbrokenError):
        return None
    if "--json" not in argv or not _printed(json_text(problem.as_dict(), indent=2)):
        _to_person(problem)
    return problem.exit_code


def _printed(text: str) -> bool:
    """Whether standard output took it; if not, Python must not try once more when it ends."""
    try:
        print(text, flush=True)
    except OSError:
        silence_output()
        return False
    return True


def silence_output() -> None:
    """Standard output goes nowhere from now on, also when Python flushes it at the end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # lives as long as the process


_OF_A_PATH = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP,
              errno.EINVAL, errno.ENXIO, errno.EXDEV, errno.EEXIST, errno.ENOTEMPTY)  # fmt: skip
"""What is wrong with a path, and not with the disk."""


def _of_the_disk(problem: OSError, argv: list[str]) -> UnbrokenError:
    if problem.errno in _OF_A_PATH and (named := _named_on_line(problem, argv)):
        return Refused(
            "file.readable",
            f"{_short(named)} cannot be used ({problem.strerror}); the log took nothing from this command.",
            values={"file": _short(named)},
            advice="Check the path that the line names, and who may read and write there.",
        )
    # Of files beside the log only: the log's own failures are named where it is written.
    what = f" ({problem.filename})" if problem.filename else ""
    return Unavailable(
        "disk",
        f"A file could not be read or written: {problem.strerror or problem}{what}; the log took nothing from this command.",
        values={"file": problem.filename or "", "error": problem.strerror or str(problem)},
        advice="Check the path, the permissions and the space on the disk, then repeat the command.",
    )


def _named_on_line(problem: OSError, argv: list[str]) -> str:
    """The word of the line that is the path that failed, or a folder above it; nothing where the line names none such."""
    words = [word.partition("=")[2] if word.startswith("--") else word for word in argv]
    words.append(os.environ.get("UNBROKEN_SITE", ""))
    failed = os.path.abspath(os.fsdecode(problem.filename)) if isinstance(problem.filename, (str, bytes)) else ""
    return next((w for w in words if w and failed.startswith(os.path.abspath(w))), "") if failed else ""


def _to_person(problem: UnbrokenError) -> None:
    from console.show import clean

    loud, quiet, plain = ("\x1b[1;31m", "\x1b[2m", "\x1b[0m") if _in_colour() else ("", "", "")
    lines = [f"{loud}{problem.heading}:{plain} {clean(problem.says)}", f"  {quiet}Rule:{plain}       {problem.rule}"]
    # What has parts of its own stands in the sentence, line by line; a program gets it with --json.
    if problem.values and not any(_has_parts(value) for value in problem.values.values()):
        values = ", ".join(f"{name} = {_short(value)}" for name, value in problem.values.items() if value is not None)
        lines.append(f"  {quiet}Values:{plain}     {clean(values)}")
    lines.append(f"  {quiet}What to do:{plain} {clean(problem.advice)}")
    try:
        sys.stdout.flush()
    except OSError:
        silence_output()
    print("\n".join(lines), file=sys.stderr)


def _has_parts(value: object) -> bool:
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return any(isinstance(part, Mapping) for part in parts)


def _short(value: object) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        text = ", ".join(str(item) for item in value) or "none"
    else:
        text = str(value)
    text = " ".join(text.split("\n"))  # one line: nothing that was given draws another under the verdict
    return text if len(text) <= 300 else text[:297] + "..."


def _in_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def crashed(problem: Exception, argv: list[str], folder: Path | None) -> int:
    """A fault of this program: the particulars go into a file, the person gets one sentence and its path."""
    from console.secret import struck
    from console.show import clean, json_text

    text = struck("".join(traceback.format_exception(problem)))
    name = f"crash-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.txt"
    inside = [folder] if folder is not None and (folder / "site.json").is_file() else []
    path = next((p for place in (*inside, Path(tempfile.gettempdir())) if (p := _write(place / name, text))), None)
    says = f"This program has a fault: {type(problem).__name__}."
    where = f"What it was doing is in {path}." if path else "No folder could be written to keep what it was doing."
    advice = "Look at the history before you repeat the act, and send the file to whoever maintains the program."
    if "--json" in argv:
        document = {
            "error": "fault",
            "rule": "program.fault",
            "says": says,
            "values": {"file": str(path or "")},
            "advice": advice,
        }
        _printed(json_text(document, indent=2))
    else:
        print(clean(f"{says} {where}\n  What to do: {advice}"), file=sys.stderr)
    return FAULT


def _write(path: Path, text: str) -> Path | None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        return None
    return path
