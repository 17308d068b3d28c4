"""`make run`. A signal ends it in one line also while the service is imported, which takes a second."""

import os
import sys

from local.program import reported, until_a_signal


def start() -> int:
    """Runs until a signal; returns the exit status."""
    # At once: on a busy machine, or while moto's bytecode is made, nothing else is printed for half a minute.
    print("Starting Bitrix24 Chat Lookup on this machine (the first start takes longer)", flush=True)
    from local.run import main  # noqa: PLC0415 - see above

    return main(os.environ)


if __name__ == "__main__":
    sys.exit(until_a_signal(lambda: reported(start)))
