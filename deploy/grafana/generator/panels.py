"""Building blocks of the dashboards: panels with numbers, graphs, and tables, and the dashboard with its variables."""

import json
import string
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

INSTANCE: Final = 'instance=~"$instance"'
PROVIDER: Final = 'instance=~"$instance", keyway_provider=~"$provider"'
"""Label matchers for the variables of a dashboard, for use in queries."""
CALL_FAULTS: Final = 'error_type!="", error_type!="UNIMPLEMENTED"'
"""Label matchers for calls that fail because of the gateway or an upstream, as in deploy/prometheus/recording.yaml."""

_SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH: Final = 24

Panel = Builder[models.Panel]
Colors = Sequence[tuple[float | None, str]]
"""The colors of values: pairs of a lower bound and a color. The first pair has no bound."""


class Query(NamedTuple):
    """A query and the legend of its series."""

    expression: str
    legend: str = ""


class Section(NamedTuple):
    """A row of panels with a title. width: of each panel, in 24ths of the page. height: in grid units of Grafana."""

    title: str
    panels: Sequence[Panel]
    width: int = 8
    height: int = 8


class Frame(NamedTuple):
    """A dashboard before it is built. by_provider: whether it has a variable for the providers."""

    uid: str
    title: str
    description: str
    sections: Sequence[Section]
    by_provider: bool = False


def number(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str = "short",
    colors: Colors = ((None, "text"),),
    texts: Sequence[tuple[str, str]] = (),
) -> Panel:
    """Return a panel with one number. texts: the text to show for a value."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(colors))
        .with_target(_target(Query(expression), instant=True).ref_id("A"))
    )
    if texts:
        options = {value: models.ValueMappingResult(text=text) for value, text in texts}
        panel = panel.mappings([models.ValueMap(options=options)])
    return panel


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str = "short",
    stacked: bool = False,
    maximum: float | None = None,
    alert_above: float | None = None,
) -> Panel:
    """Return a panel with a graph over time. alert_above: the threshold of an alert, drawn as a line."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .min(0)
        .fill_opacity(10)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if maximum is not None:
        panel = panel.max(maximum)
    if alert_above is not None:
        panel = panel.thresholds(_thresholds(((None, "green"), (alert_above, "red")))).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.LINE)
        )
    for letter, query in zip(string.ascii_uppercase, queries, strict=False):
        panel = panel.with_target(_target(query).ref_id(letter))
    return panel


def rows(title: str, description: str, expression: str, *, value: str, unit: str = "short") -> Panel:
    """Return a panel with a table: one row per series, with its labels and its value, lowest first."""
    hidden = {"Time": True, "__name__": True, "job": True}
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(_SOURCE)
        .unit(unit)
        .with_target(_target(Query(expression), instant=True).ref_id("A").format(PromQueryFormat.TABLE))
        .with_transformation(
            models.DataTransformerConfig(
                id_val="organize", options={"excludeByName": hidden, "renameByName": {"Value": value}}
            )
        )
        .sort_by([common.TableSortByFieldState().display_name(value)])
    )


def as_json(frame: Frame) -> str:
    """Return a dashboard in the format that Grafana imports."""
    built = (
        dashboard.Dashboard(frame.title)
        .uid(frame.uid)
        .description(frame.description)
        .tags(["keyway"])
        .refresh("1m")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Keyway")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["keyway"])
            .include_vars(True)
            .keep_time(True)
        )
    )
    for variable in _variables(frame):
        built = built.with_variable(variable)
    for section in frame.sections:
        built = built.with_row(dashboard.Row(section.title))
        for panel, width in zip(section.panels, _widths(section), strict=True):
            built = built.with_panel(panel.height(section.height).span(width))  # type: ignore[attr-defined]
    result = built.build()
    for number_of_panel, panel_or_row in enumerate(result.panels or (), 1):
        panel_or_row.id_val = number_of_panel
    return json.dumps(result, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _variables(frame: Frame) -> Iterator[Builder[models.VariableModel]]:
    yield dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    yield _selection("instance", "Gateway", "label_values(keyway_build_info, instance)")
    if frame.by_provider:
        query = f"label_values(keyway_provider_breaker{{{INSTANCE}}}, keyway_provider)"
        yield _selection("provider", "Provider", query)


def _selection(name: str, label: str, query: str) -> Builder[models.VariableModel]:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(_SOURCE)
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def _target(query: Query, *, instant: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend or "__auto")
    return target.instant() if instant else target.range()


def _thresholds(colors: Colors) -> Builder[models.ThresholdsConfig]:
    steps = [models.Threshold(value=bound, color=color) for bound, color in colors]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _widths(section: Section) -> Iterator[int]:
    """Yield the width of each panel; the last one fills its line."""
    position = 0
    for index in range(len(section.panels)):
        last = index == len(section.panels) - 1
        width = _WIDTH - position if last else section.width
        yield width
        position = (position + width) % _WIDTH
