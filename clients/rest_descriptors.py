"""Generator of the descriptors that Envoy's transcoder reads: `python -m clients.rest_descriptors FILE`."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from clients.api_reference import DEPS, PROTOS

ERROR_DETAILS: Final = "google/rpc/error_details.proto"
"""The messages in the details of errors. Without them, Envoy sends errors without a body."""


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    sources = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
    paths = (f"--proto_path={PROTOS}", f"--proto_path={DEPS}")
    options = ("--include_imports", f"--descriptor_set_out={target}")
    command = (sys.executable, "-m", "grpc_tools.protoc", *paths, *options, *sources, ERROR_DETAILS)
    subprocess.run(command, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
