"""What a process has before commands are forked from it: their libraries, and what these make once in a process."""

import json
import os
import ssl
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

LIBRARIES = [
    "torch", "torch._dynamo", "timm", "torchvision", "torchaudio", "torchmetrics", "scipy.stats", "scipy.io",
    "sklearn.metrics", "sklearn.datasets", "sklearn.isotonic", "pandas", "pyarrow.dataset", "pyarrow.parquet",
    "altair", "narwhals._pandas_like.namespace", "vl_convert", "fontTools.ttLib", "fontTools.ttLib.tables.otTables",
    "fontTools.ttLib.tables._g_l_y_f", "soundfile", "jinja2", "rich.progress", "rich.status", "typer", "httpx",
    "sqlalchemy", "pydantic", "fsspec", "psutil", "yaml", "ruamel.yaml", "safetensors.torch",
    "prefect.flows", "prefect.flow_engine", "prefect.task_engine", "prefect.flow_runs", "prefect.transactions",
    "prefect.variables", "prefect.runtime", "prefect.artifacts", "prefect.client.orchestration",
    "prefect.events.worker", "prefect.server.api.server", "prefect.server.database.query_components",
    "prefect.server.concurrency.lease_storage.filesystem", "prefect.server.events.services.actions",
    "prefect.server.events.services.event_logger", "alembic.command", "anyio._backends._asyncio", "docket.tasks",
    "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto", "aiosqlite",
    "mlflow.pyfunc", "mlflow.store.tracking.file_store", "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "dvc.cli", "dvc.cli.parser", "dvc.repo", "dvc.repo.graph", "dvc.repo.index", "dvc.repo.artifacts",
    "dvc.repo.plots", "dvc.repo.open_repo", "dvc.dvcfile", "dvc.stage.run", "dvc.cachemgr", "dvc.data_cloud",
    "dvc_data.hashfile.status", "dvc_data.hashfile.db.local", "dulwich.worktree", "pygit2", "dvc.ui.table",
    "dvc.render.convert", "dvc.render.match", "dvc.repo.params.diff", "dvc.repo.experiments.show",
    "dvc.repo.experiments.queue.celery", "dvc_render",
]  # fmt: skip


def prepare() -> None:
    """Import them, and have what they make once in a process: certificates, the list of what is installed, and the
    routes of Prefect's server.
    """
    with patch("prefect.logging.configuration.setup_logging"):
        for name in LIBRARIES:
            import_module(name)
        _make_routes()
        _complete_models()
    del sys.modules["prefect.main"]  # which sets up logging: in every process by its own settings
    ssl.create_default_context = cache(ssl.create_default_context)
    import_module("mlflow.utils.requirements_utils")._init_packages_to_modules_map()


IMPORTS = """
import json, sys
from pathlib import Path
from tasks.sources.source_digest import _imported

root, found = Path(sys.argv[1]), []
for file in (path for top in ("flows", "tasks", "rtl_core") for path in (root / top).rglob("*.py")):
    name = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    found.append([str(file), name, [*_imported(file, name)]])
print(json.dumps(found))
"""


def imports_of_code() -> dict[tuple[bytes, str], list[str]]:
    """What each module of this checkout imports, by its source and name: each process that takes digests of code would
    parse them all. Found by a process of its own, for what is ours is not to be in this one.
    """
    root = str(Path(__file__).parent.parent)
    command = [sys.executable, "-c", IMPORTS, root]
    found = subprocess.run(command, env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, check=True).stdout
    return {(Path(file).read_bytes(), name): names for file, name, names in json.loads(found)}


def _complete_models() -> None:
    """Prefect leaves what its models check to be found out when each is first used."""
    waiting = [import_module("pydantic").BaseModel]
    while waiting:
        models = waiting.pop().__subclasses__()
        waiting += models
        for model in models:
            if not model.__pydantic_complete__:
                model.model_rebuild(raise_errors=False)


def _make_routes() -> None:
    records = import_module("prefect.server.api.server")
    os.environ |= {"PREFECT_UI_ENABLED": "0"}
    import_module("prefect.context").refresh_global_settings_context()
    create, served = records.create_app, _served()
    app = create()
    for route in app.api_app.router.routes:
        if hasattr(route, "effective_candidates"):
            route.effective_candidates()
    records.create_app = lambda **asked: app if not asked and _served() == served else create(**asked)


def _served() -> dict[str, Any]:
    """What of Prefect's settings is in the routes of its server."""
    server = import_module("prefect.settings").get_current_settings().server
    return server.model_dump(include={"api", "docket", "metrics_enabled", "ui"})
