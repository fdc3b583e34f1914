"""Draw the README's first picture from artifacts/photographs: `python results/photographs/picture.py`.

It is the run's figure of pictures of one photograph, cut to the sparsity that tables show first.
"""

from pathlib import Path

from tasks.artefacts import paths
from tasks.figures.catalogue import FIGURES, png, spec
from tasks.tables.published import of_instance, read_tables
from tasks.tables.standings import shown_first

PHOTOGRAPH = "flower"

tables = of_instance(read_tables(paths.tables("photographs")), PHOTOGRAPH)
pictures = tables["exhibits"]
level = shown_first(tables["results"])
shown = tables | {"exhibits": pictures[pictures.sparsity.isna() | (pictures.sparsity == level)]}
Path(__file__).with_name(f"{PHOTOGRAPH}.png").write_bytes(png(spec(FIGURES["exhibits"].draw(shown))))
