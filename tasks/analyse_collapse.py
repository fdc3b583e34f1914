"""The step that turns measured similarities and scores into the tables of the collapse analysis."""

import io
from pathlib import Path
from typing import Any

from rtl_core.semantics.matrix import read_semantics
from tasks.artefacts.store import STORE, Reference
from tasks.caching.cached_task import cached_task
from tasks.tables.collapse import agreement_table, alignment_table, collapse_table, function_table, knees_table
from tasks.tables.names import MEAN
from tasks.tables.scores import results_table, scoring_table, to_csv
from tasks.tables.similarity import by_depth, overlap_table, pairs_table, similarity_table

Rows = list[dict[str, Any]]


@cached_task(name="collapse analysis of {problem}")
def analyse_collapse(
    problem: str,
    scores: Rows,
    similarities: Rows,
    epochs: Rows,
    across: Rows,
    levels: dict[str, Any],
    metric: str | None,
    semantics: Reference | None,
) -> dict[str, Reference]:
    """References of the files that the analysis publishes, by file name.

    Args:
        problem: a section of params.yaml, or one instance of it.
        scores: rows of results.csv of the tickets examined.
        similarities: what ``measure_similarity`` found for every kind of masks and round, under the
            names of ``tasks.tables.similarity``.
        epochs: the same of masks over epochs of training, with the epoch in the place of the sparsity.
        across: what ``score_across`` found.
        levels: what extraction reached: ``rounds`` and ``alarms`` of levels.json.
        metric: ``protocol.metric`` of the collapse curves; None takes the first.
        semantics: reference of a file of similarity in meaning; without one alignment.csv is empty.

    Raises:
        DataError: there is no such metric, tickets are scored across subsets under none of those of ``scores``, or the
            file of similarity in meaning is unsound or lacks a subset.
    """
    pairs = pairs_table(similarities)
    of_rtl, overlap = pairs[pairs.masks == "rtl"], overlap_table(pairs)
    scoring = scoring_table(scores)
    collapse = collapse_table(results_table(problem, scores), overlap, metric)
    tables = {
        "similarity.csv": similarity_table(pairs, similarities),
        "overlap.csv": overlap,
        "collapse.csv": collapse,
        "knees.csv": knees_table(collapse, overlap, levels["rounds"], levels["alarms"], scoring),
        "function.csv": function_table(across, scoring.metric.unique()),
        "agreement.csv": agreement_table(across),
    }
    subsets = [name for name in dict.fromkeys(overlap[overlap.masks == "rtl"].subset) if name != MEAN]
    meaning = read_semantics(Path(semantics["path"]), subsets) if semantics else None
    over_epochs = by_depth(pairs_table(epochs)) if epochs else of_rtl.iloc[:0]
    tables["alignment.csv"] = alignment_table(by_depth(of_rtl), over_epochs, meaning, subsets)
    files = {name: to_csv(table) for name, table in tables.items()}
    buffer = io.BytesIO()
    pairs.to_parquet(buffer, index=False)
    files["pairs.parquet"] = buffer.getvalue()
    return {name: {"sha256": STORE.put(content)} for name, content in files.items()}
