"""`./lookup`. A Ctrl-C ends it in one line also while its packages are imported."""

import os
import signal
import sys


def start() -> int:
    """Runs a command; returns the exit status."""
    try:
        # The script holds a Ctrl-C back until here.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        from tools.lookup.app import main  # noqa: PLC0415 - it takes a while

        return main(sys.argv[1:], os.environ)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(start())
