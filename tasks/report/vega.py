"""The script that draws a page's figures in a browser."""

from importlib.metadata import version

import vl_convert

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.figures.catalogue import VEGA_LITE


def vega_script() -> str:
    """Vega, Vega-Lite and Vega-Embed in one, which defines ``vegaEmbed``; bundled once, for that takes a second."""
    kept = paths.script(f"vega-{VEGA_LITE}-{version('vl-convert-python')}")
    if not kept.is_file():  # .rtl may be deleted at any time
        bundle = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
        write_atomically(kept, bundle.replace("</script", "<\\/script").encode())
    return kept.read_bytes().decode()
