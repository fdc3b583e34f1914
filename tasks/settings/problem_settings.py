"""The checked settings of one problem: those of params.yaml, with the defaults of its own class."""

import inspect
from pathlib import Path
from traceback import extract_tb
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ValidationError, create_model

from rtl_core.context_problem import ContextProblem
from rtl_core.errors import RtlError, SettingsError, reason_of
from rtl_core.problem import Problem
from tasks.artefacts import paths
from tasks.settings.params_file import MOST_SHOWN, read_params, section, shown
from tasks.settings.ready_made import ready_made
from tasks.settings.sections import ProblemSettings, Section
from tasks.sources.problem_files import import_watched, path_here
from tasks.sources.project_modules import PLACE_OF_OURS

if TYPE_CHECKING:
    from tasks.settings.changes import Changes

Model = TypeVar("Model", bound=BaseModel)


def problem_settings(name: str, changes: "Changes | None" = None) -> ProblemSettings:
    """The checked settings of one problem; those of its own class with their defaults filled in.

    ``changes`` are those that one run makes in them.

    Raises:
        SettingsError: the section is missing or wrong; the message names the key, what was found and what is
            allowed.
    """
    name = changes.section_of(name) if changes else name
    settings = _checked(ProblemSettings, section(read_params(), name), name)
    if changes:
        settings = _checked(ProblemSettings, changes.applied_to(settings.model_dump()), name)
    _check_warmups(settings, name)
    for part, levels in (("retrain", settings.compared_sparsities), ("collapse", settings.collapse.sparsities)):
        if unknown := sorted(set(levels) - set(settings.sparsities)):
            raise SettingsError(
                f"{paths.PARAMS}: {name}.{part}.sparsities: found {unknown[0]}; allowed: a level of {name}.sparsities"
            )
    if (update := settings.collapse.update) and update not in settings.retrain.update:
        raise SettingsError(f"{paths.PARAMS}: {name}.collapse.update: found {update!r}; allowed: one of retrain.update")
    cls = problem_class(settings.problem, name)
    partition = _checked(_model_of(cls.partition), settings.partition, f"{name}.partition")
    training = _checked(_model_of(cls), settings.training, f"{name}.training")
    changed = _checked(_model_of(cls), settings.training | settings.retrain.training, f"{name}.retrain.training")
    retrain = settings.retrain.model_copy(update={"training": changed.model_dump(include={*settings.retrain.training})})
    return settings.model_copy(
        update={"partition": partition.model_dump(), "training": training.model_dump(), "retrain": retrain}
    )


def problem_class(import_path: str, name: str = "problem") -> type[Problem]:
    """The class behind ``module:class``, or that of the problem behind ``module:problem`` (see ``ready_made``).

    Raises:
        SettingsError: it cannot be imported or is no Problem.
    """
    module, _, attribute = import_path.partition(":")
    try:
        cls = getattr(import_watched(module), attribute)
        if isinstance(cls, ContextProblem | FunctionType):
            cls = ready_made(cls, module)
    except RtlError as problem:  # of its data, network or loss
        raise SettingsError(f"{paths.PARAMS}: {name}.problem: {shown(import_path)}: {problem}") from problem
    except (Exception, SystemExit) as problem:  # a module of the user's own may fail in any way
        reason = f"{reason_of(problem)[:MOST_SHOWN]}{_place_in_project(problem)}"
        raise SettingsError(
            f"{paths.PARAMS}: {name}.problem: cannot import {shown(import_path)} ({reason})"
        ) from problem
    if not (isinstance(cls, type) and issubclass(cls, Problem)):
        raise SettingsError(
            f"{paths.PARAMS}: {name}.problem: {shown(import_path)} is not a subclass of Problem, nor a ContextProblem"
        )
    if missing := sorted(cls.__abstractmethods__):
        raise SettingsError(f"{paths.PARAMS}: {name}.problem: {import_path!r} does not define {', '.join(missing)}")
    return cls


def _place_in_project(problem: BaseException) -> str:
    """Where in a file of the project an error arose, as ``, mine.py line 3``; empty where in none."""
    for frame in reversed(extract_tb(problem.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(Path.cwd()) and not file.is_relative_to(Path(PLACE_OF_OURS, "tasks")):
            return f", {path_here(file)} line {frame.lineno}"
    return ""


def _checked(model: type[Model], values: Any, where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as problem:
        raise SettingsError(f"{paths.PARAMS}: {_one_line(problem, model, where)}") from None


def _one_line(problem: ValidationError, model: type[BaseModel], where: str) -> str:
    errors = sorted(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")  # a key misspelt lacks too
    first = errors[0]
    key = ".".join([where, *map(str, first["loc"])])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key; allowed here: {', '.join(_siblings(model, first['loc'])) or 'none'}{more}"
    if first["type"] == "missing":
        return f"{key}: this key is missing{more}"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{key}: found {shown(first['input'])}; allowed: {message[: 2 * MOST_SHOWN]}{more}"


def _check_warmups(settings: ProblemSettings, name: str) -> None:
    """Refuse a warm-up as long as a training; where one counts epochs and the other steps, training itself does."""
    extract, retrain = settings.extract, settings.retrain
    jointly = ("retrain.optimizer", retrain.optimizer) if retrain.optimizer else ("optimizer", settings.optimizer)
    for (key, optimizer), where, length in (
        (("optimizer", settings.optimizer), "extract.duration", extract.duration),
        (("optimizer", settings.optimizer), "extract.rewind_to", extract.rewind_to),
        (jointly, "retrain.duration", retrain.duration),
    ):
        if length and optimizer.only_warms_up_in(length):
            raise SettingsError(
                f"{paths.PARAMS}: {name}.{key}.warmup: found {optimizer.warmup}; "
                f"allowed: less than {name}.{where}, {length}"
            )


def _siblings(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location[:-1]:
        annotation = model.model_fields[str(part)].annotation
        model = next(kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type(BaseModel)))
    return sorted(model.model_fields)


def _model_of(function: Any) -> type[BaseModel]:
    signature = inspect.signature(function)
    described = function.__init__ if isinstance(function, type) else function  # type: ignore[misc]
    hints = get_type_hints(described, include_extras=True)
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in signature.parameters.items()
        if parameter.kind is not parameter.VAR_KEYWORD and name not in ("self", "folder")
    }
    return create_model(getattr(function, "__qualname__", "settings"), __base__=Section, **fields)
