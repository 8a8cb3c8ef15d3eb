"""The cost of the verification of the central store by its number of records."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.audit_query.central.verification import verify_central
from gateway.journal.format.keys import PUBLIC_KEY
from tests.bench.central_costs import central_costs
from tests.bench.growth.cpu import Stopwatch
from tests.bench.growth.curve import Costed, Experiment, in_own_folder
from tests.bench.tools import BUILD, MissingToolError
from tests.support.audit_history import history, write_history
from tests.support.central import central_store

_VICTORIA_LOGS: Final = "victoria-logs"


@contextmanager
def _stores(folder: Path, _seconds: float) -> Iterator[Callable[[int], Costed]]:
    for program in (_VICTORIA_LOGS, "otelcol"):
        if not (BUILD / program).exists():
            raise MissingToolError(program)

    yield in_own_folder(folder, _measured)


async def _measured(folder: Path, records: int) -> Costed:
    journal = folder / "journal"
    await write_history(journal, history(records // 2, days=1))
    async with central_store(folder / "central") as central:
        await central.ship(journal)
        async with central_costs() as costs:
            before = costs.read()["VictoriaLogs"]
            with Stopwatch() as watch:
                report = await verify_central(central.settings, [journal / PUBLIC_KEY])
            store = costs.read()["VictoriaLogs"] - before
        assert report.good, report
    return {"audit verify --central": watch.seconds * 1e3, "VictoriaLogs meanwhile": store * 1e3}


CENTRAL_STORE: Final = Experiment(
    name="central-store",
    title="Verification of the central store",
    axis="records",
    unit="CPU ms",
    lines={"audit verify --central": 1, "VictoriaLogs meanwhile": 1},
    sizes=(1_000, 3_000, 10_000, 30_000, 100_000),
    few=(200, 400),
    setup=_stores,
)
