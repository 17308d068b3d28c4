"""`make run`. A signal ends it in one line also while the service is imported, which takes a second."""

import os
import signal
import sys


def start() -> int:
    """Runs until a signal; returns the exit status."""
    # Handlers of our own: a shell starts background processes with SIGINT ignored.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    try:
        from local.run import main  # noqa: PLC0415 - see above

        return main(os.environ)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 0


if __name__ == "__main__":
    sys.exit(start())
