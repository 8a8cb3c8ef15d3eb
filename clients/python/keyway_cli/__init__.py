"""The executable `keyway`. A package of its own, so that it handles Ctrl-C before it imports anything else.

Until the command runs, Ctrl-C ends the process without a traceback. `keyway.cli` then takes over.
"""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """Run the command in the arguments of this process, and exit with its exit code."""
    from keyway.cli import main as run  # noqa: PLC0415

    run()
