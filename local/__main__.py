"""`make run`. A signal ends it in one line also while the service is imported, which takes a second."""

import os
import sys

from local.program import until_a_signal


def start() -> int:
    """Runs until a signal; returns the exit status."""
    from local.run import main  # noqa: PLC0415 - see above

    return main(os.environ)


if __name__ == "__main__":
    sys.exit(until_a_signal(start))
