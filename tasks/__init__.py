"""The cached steps: artefact references and JSON in and out, never tensors."""

from tasks import prefect_environment as prefect_environment
from tasks.sources.project_modules import find_project_modules

find_project_modules()
