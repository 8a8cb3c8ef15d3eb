"""The NOTICE files: attributions, and the packages that an installation contains, with their licenses."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from deploy.sbom.generator.python_packages import Package

_HEADER: Final = """\
Keyway
Copyright The Keyway Authors

Licensed under the Apache License, Version 2.0 (see LICENSE).

The generated stubs contain code that was generated from the .proto files of the googleapis project (google.api,
google.rpc, google.type), Copyright Google LLC, licensed under the Apache License, Version 2.0. The build takes these
.proto files from the package googleapis-common-protos.
"""

ENVOY: Final = """\
The gateway contains descriptors of the Secret Discovery Service of Envoy. They were compiled from .proto files of the
Envoy project (envoy), of the xDS API of the CNCF (xds), and of Protocol Buffers (google.protobuf): Copyright Envoy
Project Authors, The xDS Authors, and Google LLC. The first two are licensed under the Apache License, Version 2.0, the
third under the BSD 3-Clause License. The build takes the .proto files from the npm package @grpc/grpc-js-xds.
"""
"""The attribution for the descriptors of the Envoy project. Only the gateway contains them."""

KUBERNETES: Final = """\
The gateway contains the descriptors of KMS v2 of Kubernetes. They were compiled from the .proto file of the Go module
k8s.io/kms: Copyright The Kubernetes Authors, licensed under the Apache License, Version 2.0.
"""
"""The attribution for the descriptors of Kubernetes. Only the gateway contains them."""


def notice(sections: Mapping[str, Sequence[Package]], attributions: Sequence[str] = ()) -> str:
    """Return the text of a NOTICE file. sections: sentences that introduce packages. attributions: further texts."""
    return "\n".join(
        (
            _HEADER,
            *attributions,
            *(_section(title, packages) for title, packages in sections.items()),
        )
    )


def _section(title: str, packages: Sequence[Package]) -> str:
    lines = [title, ""]
    width = max(len(f"{package.name} {package.version}") for package in packages)
    lines += [f"  {f'{package.name} {package.version}':{width}}  {package.license}" for package in packages]
    noted = sorted((package for package in packages if package.notices), key=lambda package: package.notices)
    for text, group in groupby(noted, key=lambda package: package.notices):
        lines += ["", f"Notice of {', '.join(package.name for package in group)}:", ""]
        lines += [f"  {line}".rstrip() for line in text.splitlines()]
    return "\n".join(lines) + "\n"
