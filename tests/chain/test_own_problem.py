"""A user's own problem is one file and one section of params.yaml: another loss, another network, other scores."""

import re
from pathlib import Path

import pandas as pd
import pytest
import soundfile
import yaml
from example_waves import MINE
from waves_project import TOLD, finished_waves


def test_the_pipeline_runs_it(repository, tmp_path):
    project = finished_waves(repository, tmp_path)
    folder = project.folder
    ended = (tmp_path / TOLD).read_text().splitlines()
    assert re.fullmatch(r"pipeline of Waves: [\d.]+ s|pipeline of Waves: \d+ min \d+ s", ended[-1])
    assert ended[-2].startswith("All of it on one page: artifacts/Waves/report.html") and "Waves:" in ended
    results = pd.read_csv(folder / "artifacts/Waves/tables/results.csv")
    assert set(results.metric) == {"mse", "psnr"}
    assert set(results.subset) == {"sine", "cosine", "mean"}
    parameters = pd.read_csv(folder / "artifacts/Waves/tables/parameters.csv").set_index("method")
    assert (parameters.loc["rtl"].prunable == 16).all()
    assert (parameters.loc["imp_single"].prunable == 24).all()
    each = parameters.multiply_adds / parameters.presentations  # the inputs of the first layer need no gradient
    assert each.loc["rtl"] == 3 * 16 - 8 and each.loc["imp_single"] == 3 * 24 - 16
    shown = " ".join(project.succeed("rtl", "results", "Waves", "--all").split())
    assert "PSNR, dB" in shown and "IMP single" in shown and "over IMP single" in shown and "ahead in" in shown
    assert "MSE (lower is better)" in shown and "margins in MSE (lower is better; + means lower), paper" in shown
    assert "changed since" not in shown
    check_margins(folder / "artifacts/Waves")
    check_sounds(folder / "artifacts/Waves", folder / "mlartifacts/Waves")

    again = "`rtl run pipeline Waves` takes it up\n"
    (tmp_path / "source/points.txt").write_text("48")  # outside the project
    said = "Waves: points.txt changed since these tables were made; "
    assert f"{said}`dvc repro -f partition@Waves` or {again}" in project.succeed("rtl", "results", "Waves")
    project.succeed("rtl", "run", "partition", "Waves")
    assert (folder / "data/Waves/points.txt").read_text() == "48"
    (folder / "waves.py").write_text(f"{MINE}\n# another\n")
    said = f"Waves: waves.py changed since these tables were made; `dvc repro` or {again}"
    assert said in project.succeed("rtl", "results", "Waves")

    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["Waves"]["training"] = {"width": 0.5}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    done = project.run("rtl", "info", "Waves")
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: Waves.training.width: found 0.5; allowed: ")


def check_margins(folder: Path) -> None:
    """Scores of single examples are published apart, and methods are compared on them."""
    examples, margins = pd.read_parquet(folder / "tables/examples.parquet"), pd.read_csv(folder / "tables/margins.csv")
    results = pd.read_csv(folder / "tables/results.csv")
    columns = ["method", "seed", "sparsity", "protocol", "metric", "subset", "example", "value"]
    assert list(examples) == columns and "example" not in results
    assert len(examples) == 4 * (results.subset != "mean").sum()
    assert (folder / "tables/scoring.csv").read_text().splitlines()[1:] == ["paper,mse,False,", "paper,psnr,True,"]
    check_direction(examples, margins)
    assert set(margins.against) == {"imp_single", "imp_multiple"}
    assert margins[margins.subset == "mean"].examples.tolist() == [8] * (margins.subset == "mean").sum()


def check_direction(examples: pd.DataFrame, margins: pd.DataFrame) -> None:
    """An error and its logarithm, which is read the other way, agree on who is ahead; and where that is, it is less."""
    by_metric = margins.set_index([*["method", "against", "sparsity", "subset"]]).groupby("metric", sort=False)
    mse, psnr = (rows for _, rows in by_metric)
    assert list(by_metric.groups) == ["mse", "psnr"] and mse.ahead.equals(psnr.ahead) and len(mse.ahead.unique()) > 1
    errors = examples[examples.metric == "mse"].groupby(["method", "subset"]).value.mean()
    of_subsets = margins[(margins.metric == "mse") & (margins.subset != "mean")]
    assert of_subsets.difference.tolist() == pytest.approx(
        [errors[row.against, row.subset] - errors[row.method, row.subset] for row in of_subsets.itertuples()]
    )


def check_sounds(folder: Path, logged: Path) -> None:
    """Every sound is in the table, a file, an artefact of MLflow and a player of the page."""
    exhibits = pd.read_parquet(folder / "tables/exhibits.parquet")
    files = {path.name for path in (folder / "figures/sounds").iterdir()}
    assert exhibits.flac.notna().all() and len(files) == len(exhibits)
    assert {"sine_as_it_is.flac", "cosine-rtl-sparsity-40.flac"} < files
    wave, rate = soundfile.read(folder / "figures/sounds/sine_as_it_is.flac")
    assert rate == 8000 and abs(wave).max() < 0.51 and len(wave) == 32
    assert {path.name for path in logged.glob("*/artifacts/figures/sounds/*")} == files
    assert (folder / "report.html").read_text().count("<audio ") == len(files)
