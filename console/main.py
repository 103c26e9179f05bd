"""The entry of `unbroken`: find the command, run it, and say what went wrong to the people who must act."""

import gc
import os
import sys

# A command lives for a moment: collecting its garbage as it starts would cost a tenth of it.
gc.set_threshold(50_000, 20, 20)
# Plugins of pydantic are not used here, and looking for them reads the metadata of everything that is installed.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from console import here, one_look  # noqa: E402
from console.trouble import USAGE, crashed, silence_output, told  # noqa: E402
from console.unseen import refuse_hidden  # noqa: E402

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0 done; 1 verify has findings; 2 the command was not understood; 3 verify cannot tell; 4 refused; 5 moved; 6 corrupt;
    7 unavailable; 70 a fault of this program; 130 interrupted.
    """
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        refuse_hidden(argv)
        argv = here.take_site(argv)
        known = one_look.quickly(argv)
        return _run(argv) if known is None else known
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it flushes at exit.
        silence_output()
        return 0
    except Exception as problem:  # noqa: BLE001  # the last line before a person: no traceback reaches one
        return told(problem, argv) or crashed(problem, argv, here.folder())
    finally:
        here.forget()


def _run(argv: list[str]) -> int:
    import typer
    from typer.main import get_command

    from console.catalogue import application

    first = next((word for word in argv if not word.startswith("-")), None)
    if argv[:1] == ["--version"]:
        print(f"unbroken {_version()}")
        return 0
    try:
        done = get_command(application(first)).main(argv, prog_name="unbroken", standalone_mode=False)
    except typer.Abort:
        return _interrupted()
    except typer.TyperException as wrong:
        wrong.show()  # type: ignore[attr-defined]  # every one that gets here comes from the parser, and has it
        return USAGE
    sys.stdout.flush()
    if done == INTERRUPTED:  # typer has caught it
        return _interrupted()
    return done if isinstance(done, int) else 0


def _interrupted() -> int:
    print("\nInterrupted; nothing more was recorded. If an act was being signed, look at the history before you repeat it.",
          file=sys.stderr)  # fmt: skip
    return INTERRUPTED


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("unbroken")
    except PackageNotFoundError:
        return "from its source folder"
