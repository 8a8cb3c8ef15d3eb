"""The command `check-config`: checks a configuration file, summarizes what it serves, and warns about risks.

Exit codes: 0 the file is valid, with or without warnings; 2 it is not.
"""

import argparse
import json
from pathlib import Path

from gateway import app
from gateway.cli.command import configure_command
from gateway.cli.config_summary import Summary, summary_lines, summary_of
from gateway.cli.config_warnings import warnings_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    configure_command(parser, run)
    parser.add_argument("config", type=Path, metavar="FILE", help="YAML configuration file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


async def run(options: argparse.Namespace) -> int:
    """Print the summary and the warnings; raise ConfigError for an invalid file."""
    settings = app.load_config(options.config)
    summary, warnings = summary_of(settings), warnings_of(settings)
    print(_json(options.config, summary, warnings) if options.json else _text(options.config, summary, warnings))
    return 0


def _json(file: Path, summary: Summary, warnings: list[str]) -> str:
    return json.dumps({"file": str(file), "valid": True, "summary": summary, "warnings": warnings})


def _text(file: Path, summary: Summary, warnings: list[str]) -> str:
    return "\n".join([f"{file}: valid", *summary_lines(summary), *(f"warning: {text}" for text in warnings)])
