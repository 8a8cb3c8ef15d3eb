"""The executable `keyway-gateway`. `python -m gateway` is an alias."""

import sys

from gateway.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
