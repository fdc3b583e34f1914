"""What methods, metrics, masks and numbers are called where people read."""

from math import isnan

METHOD_NAMES = {
    "rtl": "RTL",
    "rtl_sequential": "RTL sequential",
    "imp_single": "IMP single",
    "imp_multiple": "IMP multiple",
    "imp_single_union": "IMP single, RTL's union",
    "random_masks": "random masks",
    "layer_shuffled_masks": "layer-shuffled masks",
    "initial_magnitude_masks": "masks of |θ₀|",
    "shared_statistics": "RTL, shared statistics",
}

MASKS_NAMES = {
    "rtl": "RTL",
    "same_subset": "same subset, other data order",
    "random_partition": "random equal partition",
    "initial_magnitude": "tickets against initial-magnitude masks",
}

DEPTH_NAMES = {"all": "all layers", "shallow": "shallow layers", "middle": "middle layers", "deep": "deep layers"}

CURVE_NAMES = {"metric": "metric falls", "departure": "similarity bends", "alarm": "alarm"}
"""What a row of knees.csv marks on a figure."""

FACT_NAMES = {
    "git.commit": "git commit",
    "git.clean": "git tree clean",
    "dvc.lock": "SHA-256 of dvc.lock",
    "mlflow.run_id": "MLflow run",
    "prefect.flow_run_id": "Prefect flow run",
    "extraction.ended_at": "extraction ended at",
}


METRIC_NAMES = {
    "auroc": "AUROC",
    "psnr": "PSNR, dB",
    "region_psnr": "PSNR of a region, dB",
    "ssim": "SSIM",
}
"""What a metric is called where its own name does not do; its unit stands after a comma."""

MEAN = "mean"
"""The subset under which tables hold the mean over subsets, or what has but one value for all of them."""


def method_name(method: str) -> str:
    """A method as people write it."""
    return METHOD_NAMES.get(method, method)


def metric_name(metric: str) -> str:
    """A metric as people write it, with its unit if it has one."""
    return METRIC_NAMES.get(metric, metric.replace("_", " "))


def metric_text(metric: str, value: float) -> str:
    """A metric and its value: ``AUROC .971``, ``PSNR 31.42 dB``."""
    name, _, unit = metric_name(metric).partition(", ")
    return f"{name} {_short(value)} {unit}".rstrip()


def score_text(mean: float, low: float, high: float) -> str:
    """A score with three decimals and, where it has one, its interval: ``.971 [.970, .972]``.

    Scores that go far beyond 1, as those in dB, have two: ``31.42``.
    """
    return _short(mean) if isnan(low) else f"{_short(mean)} [{_short(low)}, {_short(high)}]"


def _short(value: float) -> str:
    if abs(value) >= 10:
        return f"{value:.2f}"
    text = f"{value:.3f}"
    if text.startswith("0."):
        return text[1:]
    return text[:4] if text.startswith("1.") else text
