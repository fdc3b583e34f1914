"""What one run changes in the settings of params.yaml: fields of the form in Prefect's page."""

from copy import deepcopy
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rtl_core.methods import METHODS, UPDATES

if TYPE_CHECKING:
    AnyMethod = str
else:
    AnyMethod = Literal[tuple(METHODS)]


class Changes(BaseModel):
    """Settings of one run that are not those of params.yaml; an empty list leaves what stands there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        default=[], description="One initialisation, and one of everything, per seed."
    )
    sparsities: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        default=[], description="Shares of the prunable weights at zero, increasing: pruned to, and compared at."
    )
    methods: list[AnyMethod] = Field(
        default=[], description="What is trained and compared: RTL under some of its updates, and baselines."
    )

    def section_of(self, problem: str) -> str:
        """The section of params.yaml that holds the settings of a problem: the one that is called as it is."""
        return problem

    def applied_to(self, settings: dict[str, Any]) -> dict[str, Any]:
        """A problem's settings, every key of them given, with these changes."""
        changed = deepcopy(settings)
        if self.seeds:
            changed["seeds"] = self.seeds
        if self.sparsities:
            changed["sparsities"] = self.sparsities
            changed["retrain"] |= {"sparsities": None}
            changed["collapse"] |= {"sparsities": []}
        if self.methods:
            updates = [update for update, method in UPDATES.items() if method in self.methods]
            others = [method for method in self.methods if method not in UPDATES.values()]
            changed["retrain"] |= {"update": updates}
            changed["baselines"] |= {"methods": others}
            if changed["collapse"]["update"] not in updates:
                changed["collapse"] |= {"update": None}
        return changed
