"""What params.yaml may say: read and checked once, at the edge."""

import json
import os
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from rtl_core.duration import Duration
from rtl_core.errors import SettingsError
from rtl_core.methods import BASELINES, UPDATES

LONGEST = 10**9
"""Most epochs or steps of a duration."""
LEVEL_DECIMALS = 6
"""Decimals of a sparsity, with which no two have one name (``paths.level``)."""

if TYPE_CHECKING:
    Update = str
    Baseline = str
else:
    Update, Baseline = Literal[tuple(UPDATES)], Literal[BASELINES]


def _is_duration(text: str) -> str:
    try:
        duration = Duration.parse(text)
    except SettingsError as problem:
        raise ValueError(str(problem)) from problem
    if duration.value > LONGEST:
        raise ValueError(f"up to {LONGEST} epochs or steps")
    return str(duration)


def _increasing(levels: list[float]) -> list[float]:
    if any(b <= a for a, b in pairwise(levels)):
        raise ValueError("must increase from one to the next")
    return levels


def _named(level: float) -> float:
    if round(level, LEVEL_DECIMALS) != level:
        raise ValueError(f"up to {LEVEL_DECIMALS} decimals, by which files are named")
    return level


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("must not name anything twice")
    return values


def _share_or_count(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(value, float) and value >= 1):
        raise ValueError("must be a whole number of weights, or a share of the survivors between 0 and 1")
    return value


def _is_file(path: str) -> str:
    if not os.path.isfile(path):
        raise ValueError("the path of a file")
    return path


def _has_momentum(nesterov: bool, others: ValidationInfo) -> bool:
    if nesterov and not (others.data.get("name") == "sgd" and others.data.get("momentum")):
        raise ValueError("false, or true with name: sgd and a momentum above 0")
    return nesterov


def _yaml_off(value: Any) -> Any:
    return "off" if value is False else value  # YAML reads a bare ``off`` as false


DurationText = Annotated[str, AfterValidator(_is_duration), Field(description="epochs '4ep' or steps '200it'")]


class Section(BaseModel):
    """A part of params.yaml: no key beyond those named."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OptimizerSettings(Section):
    """How every network is trained."""

    name: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(gt=0, description="step size, per optimizer step")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="of sgd")
    weight_decay: float = Field(
        default=0.0, ge=0, description="L2 penalty, per optimizer step; of adamw, apart from the gradient"
    )
    nesterov: Annotated[bool, AfterValidator(_has_momentum)] = Field(
        default=False, description="whether the momentum of sgd is Nesterov's"
    )
    schedule: Literal["constant", "cosine"] = Field(
        default="constant", description="of the learning rate after the warm-up, over each training"
    )
    warmup: DurationText | None = Field(
        default=None, description="the first part of each training, in which the learning rate rises"
    )

    def only_warms_up_in(self, length: str) -> bool:
        """Whether the warm-up is as long as a training, or longer; False where one is in epochs, the other in steps."""
        if not self.warmup:
            return False
        warmup, whole = Duration.parse(self.warmup), Duration.parse(length)
        return warmup.unit == whole.unit and warmup.value >= whole.value


class ExtractSettings(Section):
    """Rounds of pruning (Algorithm 1)."""

    duration: DurationText
    weights_per_round: Annotated[int | float, BeforeValidator(_share_or_count)] = Field(
        gt=0, description="weights that leave in one round: a count, or a share of the survivors"
    )
    rewind_every: int = Field(default=1, ge=1, description="rounds between rewinds to the initial weights")
    rewind_to: DurationText | None = Field(
        default=None, description="training of the unpruned network that comes before θ₀ is taken (late rewinding)"
    )
    controls: Annotated[list[Literal["same_subset", "random_partition"]], AfterValidator(_distinct)] = Field(
        default=[], description="further masks to extract, whose similarity is the noise floor"
    )
    control_chains: int | None = Field(
        default=None, ge=2, description="masks of each control [default: as many as the problem has subsets]"
    )
    stop_on_collapse: Annotated[Literal["warn", "stop", "off"], BeforeValidator(_yaml_off)] = Field(
        default="warn", description="what happens when the similarity of masks warns that pruning has gone too far"
    )


class RetrainSettings(Section):
    """Joint retraining (Algorithm 2)."""

    duration: DurationText
    update: Annotated[list[Update], AfterValidator(_distinct)] = Field(
        default=["synchronous"], min_length=1, description="which updates are run"
    )
    sparsities: Annotated[list[float], AfterValidator(_increasing)] | None = Field(
        default=None, min_length=1, description="levels at which methods are trained and compared [default: all]"
    )
    training: dict[str, Any] = Field(
        default={}, description="keyword arguments of the class that differ in joint retraining, such as batch_size"
    )
    optimizer: OptimizerSettings | None = Field(
        default=None, description="of joint retraining, where it is not the problem's"
    )


class BaselineSettings(Section):
    """What RTL is compared with."""

    methods: Annotated[list[Baseline], AfterValidator(_distinct)] = ["imp_single", "imp_multiple"]
    single_duration_factor: float = Field(
        default=1.0,
        gt=0,
        description="how many times longer, in epochs or steps, IMP single trains than a ticket",
    )


class CollapseSettings(Section):
    """How the similarity of masks is held against what tickets are worth."""

    sparsities: Annotated[list[float], AfterValidator(_increasing)] = Field(
        default=[], description="levels at which tickets are retrained for this alone, beyond those compared"
    )
    update: Update | None = Field(
        default=None, description="whose tickets are examined [default: the first of retrain.update]"
    )
    metric: str | None = Field(
        default=None, description="protocol and metric, such as matched.auroc [default: the first that is scored]"
    )
    semantics: Annotated[str, AfterValidator(_is_file)] | None = Field(
        default=None, description="CSV file that says how alike the subsets are in meaning"
    )


class ProblemSettings(Section):
    """One problem: its class, the class's own settings, and how tickets are found and compared."""

    problem: str = Field(description="import path of the problem, as module:class")
    partition: dict[str, Any] = Field(default={}, description="keyword arguments of the class's partition()")
    training: dict[str, Any] = Field(default={}, description="keyword arguments of the class's constructor")
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**63)]], AfterValidator(_distinct)] = Field(min_length=1)
    sparsities: Annotated[
        list[Annotated[float, Field(gt=0, lt=1), AfterValidator(_named)]], AfterValidator(_increasing)
    ] = Field(min_length=1, description="shares of the prunable weights at zero, increasing")
    optimizer: OptimizerSettings
    extract: ExtractSettings
    retrain: RetrainSettings
    baselines: BaselineSettings = BaselineSettings()
    collapse: CollapseSettings = CollapseSettings()

    @property
    def compared_sparsities(self) -> list[float]:
        """The levels at which tickets and baselines are trained, and methods compared."""
        return self.retrain.sparsities or self.sparsities

    @property
    def trainings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the class is constructed with: for finding masks, and for joint retraining."""
        return self.training, self.for_retraining.training

    @property
    def for_retraining(self) -> "ProblemSettings":
        """The same settings, with what joint retraining changes in the problem's training and optimizer."""
        training = self.training | self.retrain.training
        return self.model_copy(update={"training": training, "optimizer": self.retrain.optimizer or self.optimizer})

    def single_model_duration(self, duration: str) -> str:
        """How long IMP single trains where a ticket trains for ``duration``."""
        return str(Duration.parse(duration).times(self.baselines.single_duration_factor))


def flat_settings(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings under dotted names, as in params.yaml: text as it is, all else as JSON."""
    flat: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= flat_settings(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat
