"""The pictures of a comparison: every metric against sparsity, one line per method."""

import io

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

from tasks.names import METHOD_NAMES, metric_name

# Okabe and Ito's colour-blind-safe colours; marker and dash tell the methods apart without colour.
STYLES: dict[str, tuple[str, str, str]] = {
    "rtl": ("#0072B2", "o", "-"),
    "rtl_sequential": ("#56B4E9", "s", "--"),
    "imp_single": ("#D55E00", "^", "-."),
    "imp_multiple": ("#009E73", "D", ":"),
    "random_masks": ("#999999", "v", (0, (1, 3))),  # type: ignore[dict-item]
    "layer_shuffled_masks": ("#CC79A7", "P", (0, (5, 1, 1, 1, 1, 1))),  # type: ignore[dict-item]
    "initial_magnitude_masks": ("#666666", "X", (0, (3, 1))),  # type: ignore[dict-item]
    "imp_single_union": ("#E69F00", "<", (0, (4, 2))),  # type: ignore[dict-item]
    "shared_statistics": ("#000000", "*", (0, (2, 2))),  # type: ignore[dict-item]
}

LEGEND_COLUMNS = 5


def metric_curves(summary: pd.DataFrame) -> bytes:
    """A PNG: one panel per protocol and metric, mean over seeds with its interval."""
    protocols = list(dict.fromkeys(summary.protocol))
    metrics = {p: list(dict.fromkeys(summary[summary.protocol == p].metric)) for p in protocols}
    columns = 3
    panels = [(p, m) for p in protocols for m in [*metrics[p], *[None] * (-len(metrics[p]) % columns)]]
    rows = len(panels) // columns
    legend_rows = -(-summary.method.nunique() // LEGEND_COLUMNS)
    size = (4 * columns, 2.6 * rows + 0.3 * (legend_rows + 1))
    figure, axes = plt.subplots(rows, columns, figsize=size, sharex=True, squeeze=False)
    for axis, (protocol, metric) in zip(axes.flat, panels, strict=True):
        if metric is None:
            axis.set_visible(False)
            continue
        _panel(axis, summary[(summary.protocol == protocol) & (summary.metric == metric)])
        axis.set_title(f"{metric_name(metric)} ({protocol} protocol)", fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("sparsity, %")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncols=LEGEND_COLUMNS, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 * legend_rows / size[1]))
    return _png(figure)


def parameter_bars(parameters: pd.DataFrame) -> bytes:
    """A PNG: weights kept by each method at each level, on a logarithmic axis."""
    means = parameters.groupby(["sparsity", "method"], sort=False)["union"].mean().unstack()
    means = means[list(dict.fromkeys(parameters.method))]
    figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
    width = 0.8 / len(means.columns)
    hatches = ["", "//", "..", "xx", "--", "\\\\", "||", "++", "oo"]
    for position, method in enumerate(means.columns):
        places = [level + (position - len(means.columns) / 2 + 0.5) * width for level in range(len(means))]
        bars = axis.bar(
            places, means[method], width, label=METHOD_NAMES.get(method, method),
            color=STYLES.get(method, ("#000000",))[0],
            hatch=hatches[position % len(hatches)], edgecolor="white",
        )  # fmt: skip
        axis.bar_label(bars, [f"{value / 1000:.3g}K" for value in means[method]], fontsize=7)
    axis.set_yscale("log")
    axis.set_xticks(range(len(means)), [f"{100 * level:g} %" for level in means.index])
    axis.set_xlabel("sparsity")
    axis.set_ylabel("prunable weights kept")
    axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return _png(figure)


def _panel(axis: plt.Axes, rows: pd.DataFrame) -> None:
    for method, group in rows.groupby("method", sort=False):
        colour, marker, dash = STYLES.get(str(method), ("#000000", "x", "-"))
        axis.plot(
            100 * group.sparsity, group["mean"], color=colour, marker=marker, linestyle=dash, markersize=5,
            label=METHOD_NAMES.get(str(method), str(method)),
        )  # fmt: skip
        if group.seeds.min() > 1:
            axis.fill_between(100 * group.sparsity, group.low, group.high, color=colour, alpha=0.15, linewidth=0)
    axis.grid(alpha=0.3)
    axis.set_xticks(sorted(100 * rows.sparsity.unique()))


def _png(figure: plt.Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
