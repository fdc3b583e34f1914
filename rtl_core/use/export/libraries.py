"""The libraries that export needs, an extra of the package: imported when they are used."""

import importlib

from rtl_core.describing import PACKAGE
from rtl_core.errors import SettingsError

LIBRARIES = ("onnx", "onnx_ir", "onnxscript", "onnxruntime")


def require_libraries() -> None:
    """Refuse to begin where one is missing.

    Raises:
        SettingsError: one is not installed.
    """
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            raise SettingsError(
                f"export needs {name}, which is not installed: pip install '{PACKAGE}[export]'"
            ) from None
