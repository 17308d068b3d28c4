"""`make portal`. A signal ends it in one line also while the portal is imported."""

import os
import sys
import time

from local.program import until_a_signal

BEGAN = time.monotonic()


def start() -> int:
    """Runs until a signal; returns the exit status."""
    from local.portal.alone import main  # noqa: PLC0415 - see above

    return main(os.environ, BEGAN)


if __name__ == "__main__":
    sys.exit(until_a_signal(start))
