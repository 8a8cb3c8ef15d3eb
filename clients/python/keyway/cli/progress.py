"""A bar on a terminal that shows how much of a file is done."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console


@contextlib.contextmanager
def progress_bar(console: Console, doing: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Gives the function that is told of so many bytes more. total: None where nobody knows."""
    # Only now: it takes longer to load than most commands take.
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = [TextColumn("{task.description}"), BarColumn(bar_width=None), DownloadColumn(), TransferSpeedColumn()]
    if console.width >= 80:
        columns.append(TimeRemainingColumn())
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda count: progress.advance(task, count)
