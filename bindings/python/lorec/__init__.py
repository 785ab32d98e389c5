"""lorec from Python: recommenders of the LLM era and the classics beside them, under one evaluator.

>>> import lorec
>>> report = lorec.run("ease,markov", "sample", out="runs/first")     # what `lorec run` does
>>> report.table                                                      # a DataFrame; report.per_user is one too
>>> model = lorec.load("runs/first")
>>> model.recommend(history=["Toy Story (1995)"], k=5)

Everything is computed by lorec's C library, which is inside this package. Long calls release the GIL, tell `progress`
how far they are, and end with KeyboardInterrupt on Ctrl-C. Numpy arrays are read and written where they lie.
"""

from __future__ import annotations

from . import _core
from ._core import Cancelled, Error, FailedError, InputError, ResourceError, UsageError
from ._dataset import Dataset
from ._lm import LM, Generated
from ._methods import methods
from ._recommender import Item, Recommender, load
from ._report import Report, run
from ._talk import set_threads, show_progress, threads

__version__: str = _core.version

__all__ = [
    "Cancelled",
    "Dataset",
    "Error",
    "FailedError",
    "Generated",
    "InputError",
    "Item",
    "LM",
    "Recommender",
    "Report",
    "ResourceError",
    "UsageError",
    "load",
    "methods",
    "run",
    "set_threads",
    "show_progress",
    "threads",
]
