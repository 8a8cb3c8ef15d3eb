"""The executable `keyway-gateway`. `python -m gateway` is an alias."""

import sys

from gateway.cli.standard_streams import open_closed_streams

open_closed_streams()  # before an import opens a file

from gateway.cli.program import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
