"""The script that draws a page's figures in a browser."""

from importlib.metadata import version

import vl_convert

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.figures.catalogue import VEGA_LITE


def vega_script() -> str:
    """Vega, Vega-Lite and Vega-Embed in one, which defines ``vegaEmbed``; bundled once, for that takes a second.

    It is kept where the page of `dvc plots` looks for it.
    """
    kept = paths.script("vega")
    made_by = f"// Vega-Lite {VEGA_LITE}, vl-convert {version('vl-convert-python')}\n"
    if kept.is_file() and (script := kept.read_bytes().decode()).startswith(made_by):
        return script
    bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
    script = made_by + bundle.replace("</script", "<\\/script")
    write_atomically(kept, script.encode())
    return script
