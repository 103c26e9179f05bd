"""The entry of `unbroken`: find the command, run it, and say what went wrong to the people who must act."""

import gc
import os
import sys
from pathlib import Path

# A command lives for a moment: collecting its garbage as it starts would cost a tenth of it.
gc.set_threshold(50_000, 20, 20)
# Plugins of pydantic are not used here, and looking for them reads the metadata of everything that is installed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from console import here  # noqa: E402
from console.trouble import USAGE, crashed, told  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 done; 1 verify has findings; 2 the command was not understood; 3 verify cannot tell; 4 refused; 5 moved; 6 corrupt;
    7 unavailable; 70 a fault of this program; 130 interrupted.
    """
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        argv = here.take_site(argv)
        return _run(argv)
    except KeyboardInterrupt:
        print("\nInterrupted; nothing more was recorded.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as problem:  # noqa: BLE001  # the last line before a person: no traceback reaches one
        return told(problem, argv) or crashed(problem, argv, here.folder())
    finally:
        here.forget()


def _run(argv: list[str]) -> int:
    from console.catalogue import application

    import typer
    from typer.main import get_command

    first = next((word for word in argv if not word.startswith("-")), None)
    if argv[:1] == ["--version"]:
        print(f"unbroken {_version()}")
        return 0
    try:
        done = get_command(application(first)).main(argv, prog_name="unbroken", standalone_mode=False)
    except typer.Abort:
        print("Interrupted; nothing more was recorded.", file=sys.stderr)
        return 130
    except typer.TyperException as wrong:
        wrong.show()
        return USAGE
    sys.stdout.flush()
    return done if isinstance(done, int) else 0


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("unbroken")
    except PackageNotFoundError:
        return "from its source folder"


__all__ = ["Path", "main"]
