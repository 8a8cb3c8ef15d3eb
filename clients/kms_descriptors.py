"""Generator of the descriptors of Kubernetes' KMS v2 interface, from the .proto file of the Go module k8s.io/kms.

The gateway loads the result into a descriptor pool of its own, so it shares no name with other packages.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MODULE = "k8s.io/kms@v0.37.2"
SUM = "h1:d9u/eizxE9pSa3jjnvoaLvvb9LwiypwkZ9xD4I4ZbTo="
"""The hash of the module, as in the go.sum of programs that use it."""
FILE = "apis/v2/api.proto"


def main(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{download()}", f"--descriptor_set_out={target}", FILE]
    subprocess.run(command, check=True)


def download() -> Path:
    """Download the module with Go, check its hash, and return its folder."""
    with tempfile.TemporaryDirectory() as folder:  # outside a Go module, whose go.mod Go would use
        command = ["go", "mod", "download", "-json", MODULE]
        done = subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    if found["Sum"] != SUM:
        raise SystemExit(f"{MODULE} has an unexpected hash")
    return Path(found["Dir"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
