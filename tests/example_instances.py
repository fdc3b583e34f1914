"""Tables of a problem with several instances: as one of its jobs has them, and as the whole run publishes them."""

import io
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from example_tables import LEVELS, METHODS, example_tables, scoring_of
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

INSTANCES = ("temple", "flower", "harbour")
SCORES = {"auroc": "psnr", "average_precision": "ssim", "balanced_accuracy": "region_psnr"}
SIZE = (96, 64)
PER_JOB = ("exhibits", "summary", "scoring")
"""What a run has not, or makes from all results."""


def job_tables(number: int = 0, seeds: Sequence[int] = (0,)) -> dict[str, pd.DataFrame]:
    """The tables of one instance: scores are in dB, and there are pictures of what came out."""
    tables = example_tables([f"region {k + 1}" for k in range(4 + number)], seeds)
    results, collapse, summary = (tables[name] for name in ("results", "collapse", "summary"))
    results = _in_decibels(results)
    lead = np.sin(3.1 * number + 1.7 * results.method.map(METHODS.index))
    results = results.assign(value=results.value + lead.where(results.metric != "ssim", 0))
    return tables | {
        "results": results[(results.subset == "mean") | (results.metric == "region_psnr")],
        "scoring": scoring_of(results),
        "function": tables["function"].assign(metric="region_psnr"),
        "summary": _in_decibels(summary, "mean", "low", "high"),
        "collapse": collapse.assign(
            metric="region_psnr", value=30 * collapse.value + 5, departure=0.2 + 0.3 * collapse.excess
        ),
        "exhibits": pd.DataFrame(_exhibits(number, seeds)),
    }


def run_tables(seeds: Sequence[int] = (0,)) -> dict[str, pd.DataFrame]:
    """The tables of all instances together."""
    jobs = [job_tables(number, seeds) for number in range(len(INSTANCES))]
    whole = {
        name: pd.concat([job[name].assign(instance=instance) for job, instance in zip(jobs, INSTANCES, strict=True)])
        for name in jobs[0]
        if name not in PER_JOB
    }
    return {**whole, "scoring": jobs[0]["scoring"], "summary": jobs[0]["summary"].assign(instances=len(INSTANCES))}


def png_of(pixels: np.ndarray) -> bytes:
    """A PNG of uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _in_decibels(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    rows = rows[(rows.protocol == "matched") & rows.metric.isin([*SCORES])]
    rows = rows.assign(protocol="reconstruction", metric=rows.metric.map(SCORES))
    values = list(columns) or ["value"]
    return rows.assign(**{name: (30 * rows[name] + 5).where(rows.metric != "ssim", rows[name]) for name in values})


def _exhibits(number: int, seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    photograph = Image.fromarray(load_sample_images().images[number % 2]).resize(SIZE)
    target = np.asarray(photograph)
    regions = (target.mean(2, keepdims=True) // 64 * 64).repeat(3, 2).astype(np.uint8)
    for name, pixels in (("target", target), ("regions", regions)):
        yield {"method": "", "seed": None, "sparsity": None, "exhibit": name, "png": png_of(pixels)}
    for order, method in enumerate(METHODS):
        for seed in seeds:
            for sparsity in LEVELS:
                blur = ImageFilter.GaussianBlur(0.4 + order + 3 * sparsity**4)
                made = np.asarray(photograph.filter(blur))
                off = 4 * np.abs(made.astype(int) - target).mean(2, keepdims=True).repeat(3, 2)
                error = off.clip(0, 255).astype(np.uint8)
                for name, pixels in (("reconstruction", made), ("error × 4", error)):
                    place = {"method": method, "seed": seed, "sparsity": sparsity}
                    yield {**place, "exhibit": name, "png": png_of(pixels)}
