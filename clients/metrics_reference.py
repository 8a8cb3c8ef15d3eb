"""Generator of docs/metrics.md from the descriptions of the instruments."""

import sys
from pathlib import Path

from gateway.telemetry import reference

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference.page(), encoding="utf-8")
