"""What the tests share: a small real problem, and the embedded data set cut small."""

import gc
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest
import torch
from example_tables import example_tables
from hypothesis import settings
from made_once import begin, end, made
from small_project import ONE_LEVEL, Project
from warm_start import WORKER, warm_folder

from rtl_core.isolation import OptimizerChoice
from rtl_core.problems.digits import Digits
from rtl_core.randomness import Stream
from tasks.process.cores import cores

settings.register_profile("unhurried", deadline=None)  # how long an example takes depends on what else runs
settings.load_profile("unhurried")

CHROMIUM = shutil.which("chromium")
CHROMIUM_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Replaces Playwright's list, of which what a page may notice is here too. The last three are processes beside each
    # page: two of the address bar, which nobody sees, and one kept in reserve.
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,OptimizationHints,PaintHolding,"
    "ThirdPartyStoragePartitioning,AimEnabled,WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess",
]


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: now and then each waits."""
    return cores() + 1


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        begin()


def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    for spec in specs:
        spec.python = str(warm_folder() / WORKER)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        end()


def pytest_collection_finish() -> None:
    """What there is by now stays to the end: no collection of garbage need look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def valid_figures() -> Iterator[None]:
    """Whatever chart a test turns into Vega-Lite is validated, which a run leaves to tests."""
    whole = alt.ConcatChart.to_dict
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alt.ConcatChart, "to_dict", lambda self, **options: whole(self, **options | {"validate": True}))
        yield


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    folder = tmp_path_factory.mktemp("digits")
    Digits.partition(folder, test_share=0.3, validation_share=0.2)
    return Digits(folder, batch_size=64, device="cpu")


@pytest.fixture
def stream() -> Stream:
    return Stream(0).at(problem="digits")


@pytest.fixture
def adam() -> OptimizerChoice:
    return OptimizerChoice("adam", 3e-3)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def one_level(repository: Path) -> Project:
    """A project in which the pipeline has run once, at one level; to be copied. All workers have the same."""
    return Project(made("one-level", lambda folder: Project.new(repository, folder, **ONE_LEVEL).flow("pipeline")))


@pytest.fixture(scope="session")
def published() -> dict[str, pd.DataFrame]:
    return example_tables()


@pytest.fixture(scope="session")
def onnx_operators() -> Iterator[None]:
    """The 500 operators whose source torch.onnx parses at every export, half of its time, and those that
    torch.export looks for: once.
    """
    from torch._export import utils
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        looked_for = "_collect_all_valid_cia_ops_for_namespace"
        patch.setattr(utils, looked_for, cache(getattr(utils, looked_for)))
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of a module, and not of all tests: while it is open, nothing else can run asyncio here."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def browser_page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(30_000)
    yield page
    page.context.close()
