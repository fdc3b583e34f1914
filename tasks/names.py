"""What methods and metrics are called where people read."""

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


def metric_name(metric: str) -> str:
    """A metric as people write it."""
    return {"auroc": "AUROC"}.get(metric, metric.replace("_", " "))
