"""Runs: methods and controls on one data set under one protocol, and what came out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _core
from ._dataset import Dataset, Path
from ._recommender import Recommender, load
from ._talk import Progress, told

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]


class Report:
    """What a run found: `.table`, `.per_user` and `.differences` are DataFrames, `.result` is everything as `lorec run --json`
    prints it, `.folder` is where the run is kept.

    >>> report = lorec.Report("runs/first")      # of a run that somebody made before
    """

    def __init__(self, folder: Path):
        """Reads a run folder. InputError: it is none, or it is not finished."""
        self._adopt(_core.report_open(os.fspath(folder)))

    def _adopt(self, handle: _core.Report) -> None:
        self._handle = handle
        self.folder: str = handle.folder()
        self.result: dict[str, Any] = json.loads(handle.json())

    @classmethod
    def _of(cls, handle: _core.Report) -> Report:
        self = cls.__new__(cls)
        self._adopt(handle)
        return self

    @property
    def metrics(self) -> list[str]:
        """Names of what was measured, such as "ndcg@10"."""
        return list(self.result["metrics"])

    @property
    def table(self) -> pd.DataFrame:
        """A row a method and seed, best first by the run's headline metric: role, status, the metrics, the ends of their 95%
        intervals ("ndcg@10 low", "ndcg@10 high"), train_s, eval_s, rss_mib, and why for what was skipped or failed."""
        import pandas as pd

        rows = []
        for r in self.result["results"]:
            row = {"method": r["method"], "seed": r["seed"], "role": r["role"], "status": r["status"]}
            row.update({m: r["metrics"].get(m) for m in self.metrics})
            for m in self.metrics:
                low, high = r["ci95"].get(m, (None, None))
                row[f"{m} low"], row[f"{m} high"] = low, high
            row.update({k: r["cost"][k] for k in ("train_s", "eval_s", "rss_mib")})
            row["why"] = r["why"]
            rows.append(row)
        numbers = self.metrics + [f"{m} {end}" for m in self.metrics for end in ("low", "high")]
        frame = pd.DataFrame(rows)
        frame[numbers] = frame[numbers].astype(float)
        headline = self.result.get("headline")
        if headline in self.metrics:
            frame = frame.sort_values(headline, ascending=headline in _SMALLER, kind="stable", na_position="last")
        return frame.set_index(["method", "seed"])

    @property
    def per_user(self) -> pd.DataFrame:
        """A row a method, seed and judged user, a column a metric; NaN where a metric has no value of a user."""
        import numpy as np
        import pandas as pd

        users = self._handle.users()
        found = {}
        for i, r in enumerate(self.result["results"]):
            values = self._handle.values(i)
            if values is not None:
                found[r["method"], r["seed"]] = np.asarray(memoryview(values))
        keys = sorted(found)  # so that .loc[method, seed] is a slice
        parts = [pd.DataFrame(found[k], index=pd.Index(users, name="user"), columns=self.metrics) for k in keys]
        if not parts:
            index = pd.MultiIndex.from_arrays([[], [], []], names=["method", "seed", "user"])
            return pd.DataFrame(columns=self.metrics, index=index, dtype=float)
        return pd.concat(parts, keys=keys, names=["method", "seed"])

    @property
    def differences(self) -> pd.DataFrame:
        """A row a method, control and metric: delta (method minus control, paired per user), the ends of its 95% interval,
        and p by Holm's correction."""
        import pandas as pd

        rows = [
            (s["method"], control, metric, d["delta"], d["ci95"][0], d["ci95"][1], d["p_holm"])
            for s in self.result["summary"]
            for control, by_metric in s["vs"].items()
            for metric, d in by_metric.items()
        ]
        names = ["method", "control", "metric", "delta", "low", "high", "p_holm"]
        return pd.DataFrame(rows, columns=names).set_index(names[:3]).astype(float)

    def model(self, method: Optional[str] = None, seed: Optional[int] = None) -> Recommender:
        """One of the run's models; its first where nothing is said."""
        return load(self.folder, method, seed)

    def __repr__(self) -> str:
        ok = sum(r["status"] == "ok" for r in self.result["results"])
        return f"<lorec.Report {self.folder}: {ok} of {len(self.result['results'])} results ok, {self.result['protocol']['id']}>"

    def _repr_html_(self) -> str:
        return str(self.table.to_html())


_SMALLER = ("logloss", "rmse", "mae")


def run(
    methods: Union[str, Iterable[str]],
    data: Union[Dataset, Path],
    *,
    out: Optional[Path] = None,
    resume: bool = False,
    progress: Union[None, bool, Progress] = None,
    **settings: Any,
) -> Report:
    """Trains methods beside the controls, judges them on the test part, and keeps everything in a run folder: what `lorec run`
    does, with the words of its config files as keywords.

    >>> lorec.run(["sasrec", "gru4rec"], data, out="runs/two", seed=[1, 2, 3], metrics=["ndcg", "recall"], topk=[5, 10])
    >>> lorec.run("sasrec", data, split="ratio:8:1:1", user_core=5, sasrec={"hidden_size": 64}, controls=False)

    methods: keys, in a list or separated by commas. data: a Dataset, or what Dataset() reads. out: the run folder
    (default: runs/DATE-METHOD-DATA-HASH below the current one). resume: go on with the run that is in `out`.

    Where a requested method fails, its error is raised; `error.report` then has what did not fail. After Ctrl-C what was
    finished is in the folder. Runs of one process wait for each other.
    """
    keys = methods if isinstance(methods, str) else ",".join(methods)
    if isinstance(data, Dataset):
        handle: Optional[_core.Dataset] = data._handle
    else:
        handle = None
        settings["data"] = os.fspath(data)
    words = json.dumps({k: v for k, v in settings.items() if v is not None}, default=_plain)
    folder = None if out is None else os.fspath(out)
    try:
        return Report._of(_core.run(keys, handle, words, folder, resume, told(progress)))
    except _core.Error as e:
        made = getattr(e, "_report", None)
        e.report = None if made is None else Report._of(made)
        raise


def _plain(value: Any) -> Any:
    """numpy's numbers and paths in settings."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"a setting can not be a {type(value).__name__}")
