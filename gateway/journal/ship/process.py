"""The shipper as a child process of the gateway."""

from pathlib import Path
from typing import Final

from gateway.child_process import ChildProcess
from gateway.journal.ship.bootstrap import ShipperBootstrap
from gateway.journal.ship.settings import ShipSettings

_STOP_SECONDS: Final = 10.0
"""The maximum time to wait for the shipper when the gateway stops; longer than the time limit in the shipper."""


class ShipperProcess(ChildProcess):
    """The shipper. When it stops, it has a few seconds to ship the remaining records."""

    def __init__(
        self,
        directory: Path,
        settings: ShipSettings,
        *,
        signing_key_file: Path | None = None,
        log_level: str = "info",
        log_format: str = "json",
    ) -> None:
        bootstrap = ShipperBootstrap(directory, settings, log_level, log_format, signing_key_file)
        super().__init__("gateway.journal.ship", bootstrap.line(), name="audit_shipper", stop_seconds=_STOP_SECONDS)
