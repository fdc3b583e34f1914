"""``rtl ui`` as it runs in a terminal, and how it ends."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from http_answers import HOST, until
from small_project import Project
from warm_start import warm


class Pages:
    """One ``rtl ui`` in a session of its own, as from a terminal; it imports what it needs, unless ``forked``."""

    def __init__(self, project: Project, prefect_port: int, mlflow_port: int, *, forked: bool) -> None:
        self.prefect = f"http://{HOST}:{prefect_port}"
        self.mlflow = f"http://{HOST}:{mlflow_port}"
        self.ports = {prefect_port, mlflow_port}
        self._output = project.folder / f"ui-{prefect_port}.txt"
        number = project.folder / f"ui-{prefect_port}.pid"
        environment = warm(project.environment, number) if forked else project.environment
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                ["rtl", "ui", "--prefect-port", str(prefect_port), "--mlflow-port", str(mlflow_port)],
                cwd=project.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        if forked:
            until(lambda: number.exists() and number.stat().st_size, 30, self.printed)
        self._pid = int.from_bytes(number.read_bytes(), "big") if forked else self.process.pid

    def printed(self) -> str:
        return self._output.read_text()

    def tree(self) -> list[psutil.Process]:
        return [parent := psutil.Process(self._pid), *parent.children(recursive=True)]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        until(lambda: self.process.poll() is not None or condition(), 90, self.printed)
        assert self.process.poll() is None, self.printed()

    def end(self, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to the foreground processes, as a terminal does; those that are still there afterwards."""
        tree = self.tree()
        os.killpg(self._pid, number)
        assert self.process.wait(timeout=40) == 0, self.printed()
        return psutil.wait_procs(tree, timeout=1)[1]


@contextmanager
def pages_of(project: Project, *ports: int, forked: bool = False) -> Iterator[Pages]:
    pages = Pages(project, *ports, forked=forked)
    try:
        yield pages
    finally:
        if pages.process.poll() is None:
            for process in reversed(pages.tree()):
                process.kill()
        pages.process.wait()
