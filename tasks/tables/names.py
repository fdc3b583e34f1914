"""What methods, metrics, masks and numbers are called where people read."""

from collections.abc import Iterable
from math import isnan, nan

from rtl_core.methods import METHODS
from rtl_core.scoring import MEAN as MEAN

MASKS_NAMES = {
    "rtl": "RTL",
    "same_subset": "same subset, other data order",
    "random_partition": "random equal partition",
    "initial_magnitude": "tickets against initial-magnitude masks",
}

DEPTH_NAMES = {"all": "all layers", "shallow": "shallow layers", "middle": "middle layers", "deep": "deep layers"}

CURVE_NAMES = {"departure": "similarity bends", "alarm": "alarm"}
"""What a row of knees.csv marks on a figure, but for a metric."""

WORSE = {True: "metric falls", False: "metric rises"}
"""What a row of knees.csv marks on the curve of a metric, by whether higher is better."""

FACT_NAMES = {
    "git.commit": "git commit",
    "git.clean": "git tree clean",
    "dvc.lock": "SHA-256 of dvc.lock",
    "tables_sha256": "SHA-256 of the tables",
    "mlflow.run_id": "MLflow run",
    "mlflow": "in MLflow",
    "prefect.flow_run_id": "Prefect flow run",
    "extraction.ended_at": "extraction ended at",
}
METRIC_NAMES = {
    "auroc": "AUROC",
    "mae": "MAE",
    "mse": "MSE",
    "pesq": "PESQ",
    "psnr": "PSNR, dB",
    "region_psnr": "PSNR of a region, dB",
    "rmse": "RMSE",
    "sdri": "SDR improvement, dB",
    "si_snr": "SI-SNR, dB",
    "si_snri": "SI-SNR improvement, dB",
    "ssim": "SSIM",
    "stoi": "STOI",
}
"""What a metric is called where its own name does not do; its unit stands after a comma."""

MOST_DECIMALS = 6
"""Of a difference."""

CAPTION = 16
"""Characters that stand below a picture on a phone."""


def method_name(method: str) -> str:
    """A method as people write it."""
    return METHODS[method].title if method in METHODS else method


def listed(names: Iterable[str]) -> str:
    """Names as people list them: ``A, B and C``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def level_text(sparsity: float) -> str:
    """A sparsity as people write it: ``75 %``."""
    return f"{100 * sparsity:g} %"


def metric_name(metric: str) -> str:
    """A metric as people write it, with its unit if it has one."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def metric_title(metric: str, higher_is_better: bool, besides: str = "") -> str:
    """What stands above scores or beside their axis: a metric's name and, where lower is better, that it is, and what
    is to be said of it besides: ``PSNR, dB``, ``MSE (lower is better)``.
    """
    return metric_name(metric) + ("" if higher_is_better else f" (lower is better{besides})")


def metric_text(metric: str, value: float, low: float = nan, high: float = nan) -> str:
    """A metric and its value, with how far it reaches where that is known: ``AUROC .971``, ``PSNR 31.42 dB``,
    ``AUROC .971 [.970, .972]``.
    """
    name, _, unit = metric_name(metric).partition(", ")
    return f"{name} {score_text(value, low, high)} {unit}".rstrip()


def caption_text(metric: str, value: float, mean: bool = False) -> str:
    """As ``metric_text``, with the value first where the name is long: a narrow caption is cut off at its end.

    It says so where the value is a mean over more than what the caption stands below.
    """
    text, name, kind = metric_text(metric, value), metric_name(metric).partition(", ")[0], "mean " * mean
    return f"{kind}{text}" if len(kind + text) <= CAPTION else f"{text.removeprefix(name).strip()} {kind}{name}"


def time_text(seconds: float) -> str:
    """How long something took: ``4.2 s``, ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def score_text(mean: float, low: float, high: float) -> str:
    """A score with three decimals and, where it has one, its interval: ``.971 [.970, .972]``.

    Scores that go far beyond 1, as those in dB, have two: ``31.42``.
    """
    return _short(mean) if isnan(low) else f"{_short(mean)} [{_short(low)}, {_short(high)}]"


def margin_text(difference: float, low: float, high: float, ahead: float) -> str:
    """A difference with its interval, ``+.61 [+.42, +.80],`` and on a line of its own ``ahead in 71 %`` of examples."""
    return f"{difference_text(difference, low, high)},\nahead in {100 * ahead:.0f} %"


def difference_text(difference: float, low: float, high: float, signs: bool = False) -> str:
    """A difference with its sign and, where it has one, its interval; three decimals where all of it is small.

    ``signs`` asks for more where an end of the interval would be shown as zero and is not.
    """
    values = [difference] if isnan(low) else [difference, low, high]
    decimals = 2 if max(map(abs, values)) >= 0.1 else 3
    while signs and decimals < MOST_DECIMALS and any(end and not round(end, decimals) for end in values[1:]):
        decimals += 1
    mean, *interval = (_signed(value, decimals) for value in values)
    return f"{mean} [{', '.join(interval)}]" if interval else mean


def amount_text(difference: float, low: float, high: float) -> str:
    """By how much one is ahead of another, with its interval where it has one: ``.61 [.42, .80]``."""
    return difference_text(difference, low, high).replace("+", "")


def _signed(value: float, decimals: int) -> str:
    text = f"{value:+z.{decimals}f}"
    return text[0].replace("-", "−") + text[1:].removeprefix("0")


def _short(value: float) -> str:
    text = f"{abs(value):.3f}"
    text = text[1:] if text.startswith("0.") else f"{abs(value):.2f}" if text.startswith("1.") else text
    text = f"{abs(value):.2f}" if abs(value) >= 10 else text
    return f"−{text}" if value < 0 and float(text) else text


MEASURES = {
    "departure": "similarity of departures",
    "excess": "excess similarity",
    "jaccard": "Jaccard similarity",
}
