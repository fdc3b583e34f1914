"""How a page's figures are drawn in a browser: their script, their colours and their legends."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import vl_convert

from tasks.artefacts import paths
from tasks.artefacts.whole_file import write_atomically
from tasks.figures.catalogue import VEGA_LITE
from tasks.figures.styles import CURVE_STYLES, INK, LABEL, LINE, RULE, SOFT, Style

THEME = {
    INK: "var(--ink)", LABEL: "var(--ink)", "#000000": "var(--ink)", SOFT: "var(--soft)", RULE: "var(--rule)",
    LINE: "var(--line)", **{style.colour: f"var(--{curve})" for curve, style in CURVE_STYLES.items()},
}  # fmt: skip
"""The greys of a picture, and the dark colours that its texts are in, which a page shows in those of its theme."""
SYMBOLS = {
    "circle": "M-1,0A1,1 0 1,0 1,0A1,1 0 1,0 -1,0Z",
    "square": "M-.9,-.9H.9V.9H-.9Z",
    "cross": "M-1,-.35H-.35V-1H.35V-.35H1V.35H.35V1H-.35V.35H-1Z",
    "diamond": "M0,-1.2L1,0L0,1.2L-1,0Z",
    "wedge": "M0,-1.1L.5,1H-.5Z",
    "arrow": "M-.2,1V-.4H-.6L0,-1.1L.6,-.4H.2V1Z",
    "triangle-up": "M0,-1L1.05,.85H-1.05Z",
    "triangle-down": "M0,1L1.05,-.85H-1.05Z",
    "triangle-left": "M-1,0L.85,-1.05V1.05Z",
    "triangle-right": "M1,0L-.85,-1.05V1.05Z",
    "stroke": "",
}
"""Vega's named symbols as SVG paths, which reach about 1 from the middle."""


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


def page_spec(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """A figure as a page draws it: on the page's own ground and in its greys, light or dark, and without a legend of
    names, in place of which the page has buttons.
    """
    names = [{"name": name, **with_symbol(Style(**style))} for name, style in drawn["usermeta"]["names"].items()]
    page = {key: value if key == "datasets" else _themed(value) for key, value in drawn.items()}
    return page | {"background": "transparent", "usermeta": drawn["usermeta"] | {"names": names}}


def with_symbol(style: Style) -> dict[str, Any]:
    """A style with its symbol as an SVG path, and black as the ink of the page."""
    symbol = SYMBOLS.get(style.shape, style.shape if style.shape.startswith("M") else SYMBOLS["circle"])
    return asdict(style) | {"colour": THEME.get(style.colour, style.colour), "symbol": symbol}


def _themed(part: Any) -> Any:
    if isinstance(part, Mapping):
        is_named = part.get("field") == "name" and "legend" in part
        return {key: _themed(value) for key, value in part.items()} | ({"legend": None} if is_named else {})
    if isinstance(part, list):
        return [_themed(one) for one in part]
    return THEME.get(part, part) if isinstance(part, str) else part
