"""`./lookup`."""

import os
import sys

from tools.lookup.app import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
