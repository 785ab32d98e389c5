"""Estimators: a method that is fitted, asked, saved and loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

from . import _core
from ._dataset import Dataset, Path
from ._talk import Progress, told

if TYPE_CHECKING:
    import numpy as np


class Item(NamedTuple):
    """One line of a list."""

    id: str
    title: str
    score: float


def _texts(words: Optional[Iterable[Any]], what: str) -> Optional[list[str]]:
    if words is None:
        return None
    if isinstance(words, str):
        raise TypeError(f"{what} is a list of ids or titles, not one text")
    return [str(w) for w in words]


class Recommender:
    """A method by its key (`lorec.methods()`), with its options as keywords.

    >>> model = lorec.Recommender("ease", l2=250).fit(lorec.Dataset("sample"))
    >>> model.recommend(user="reader0001", k=5)
    >>> model.recommend(history=["Toy Story (1995)", "Jumanji (1995)"])
    >>> model.save("my-model"); lorec.load("my-model")

    A fitted model does not change: threads may ask it at once.
    """

    def __init__(
        self, method: str, *, seed: int = 1, split: str = "loo", all_rows: bool = False, **options: Any
    ):
        """split: how validation is cut off for early stopping ("loo", "ratio:8:1:1", ...); all_rows: train on every row, for
        serving once the settings are known. The options' names and values are checked by fit."""
        if not 0 <= seed < 1 << 63:
            raise ValueError(f"seed {seed}: from 0 to 2^63 - 1")
        self.method, self.seed, self.split, self.all_rows = method, seed, split, all_rows
        self.options = options
        self._handle: Optional[_core.Model] = None
        self._catalogue: Optional[Dataset] = None

    @classmethod
    def _of(cls, handle: _core.Model) -> Recommender:
        self = cls(handle.method())
        self._handle = handle
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """As scikit-learn names it: what the constructor was given."""
        return {"method": self.method, "seed": self.seed, "split": self.split, "all_rows": self.all_rows, **self.options}

    def set_params(self, **params: Any) -> Recommender:
        """Changes what the constructor was given; fit again afterwards."""
        for name, value in params.items():
            if name in ("method", "seed", "split", "all_rows"):
                setattr(self, name, value)
            else:
                self.options[name] = value
        return self

    def fit(self, data: Union[Dataset, Path], *, progress: Union[None, bool, Progress] = None) -> Recommender:
        """Trains on the training part of the split, stopped early by validation where there is one. Ctrl-C stops."""
        if not isinstance(data, Dataset):
            data = Dataset(data)
        words = [f"{k}={_word(v)}" for k, v in self.options.items()]
        self._handle = _core.fit(
            self.method, data._handle, self.seed, self.split, words, self.all_rows, told(progress)
        )
        self._catalogue = None
        return self

    def _fitted(self) -> _core.Model:
        if self._handle is None:
            raise _core.UsageError(f"{self.method} is not fitted yet: call fit, or lorec.load a saved one")
        return self._handle

    @property
    def catalogue(self) -> Dataset:
        """What the model speaks of: users and items by number, and what known users had."""
        if self._catalogue is None:
            self._catalogue = Dataset._of(self._fitted().catalogue())
        return self._catalogue

    def recommend(
        self, user: Any = None, history: Optional[Iterable[Any]] = None, k: int = 10
    ) -> list[Item]:
        """Up to k items, best first: for a known user, for a history of ids or titles (oldest first), or for both, where the
        history stands for what the user had. What was had before is left out."""
        who = None if user is None else str(user)
        return [Item(*x) for x in self._fitted().recommend(who, _texts(history, "history"), k)]

    def recommend_many(
        self,
        users: Optional[Sequence[Any]] = None,
        k: int = 10,
        *,
        progress: Union[None, bool, Progress] = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lists of many known users at once (ids, or an array of their numbers in the catalogue; None: everybody): items
        uint32 [users, k], numbers in the catalogue, and scores float32 [users, k]; behind the end of a short list the
        largest uint32 and NaN."""
        import numpy as np

        model = self._fitted()
        number = None if users is None else self._user_numbers(users)
        n = self.catalogue.n_users if number is None else len(number)
        items, scores = np.empty((n, k), np.uint32), np.empty((n, k), np.float32)
        model.recommend_users(number, n, k, items, scores, told(progress))
        return items, scores

    def _user_numbers(self, users: Sequence[Any]) -> np.ndarray:
        import numpy as np

        if isinstance(users, np.ndarray) and users.dtype.kind in "iu":
            if users.size and (users.min() < 0 or users.max() >= self.catalogue.n_users):
                raise _core.UsageError(f"numbers of users go from 0 to {self.catalogue.n_users - 1}")
            return np.ascontiguousarray(users, dtype=np.uint32)
        place = {u: i for i, u in enumerate(self.catalogue.user_ids)}
        unknown = [u for u in users if str(u) not in place]
        if unknown:
            raise _core.UsageError(f'the user "{unknown[0]}" is not in the data this model was trained on')
        return np.array([place[str(u)] for u in users], dtype=np.uint32)

    def score(
        self, candidates: Optional[Iterable[Any]] = None, *, user: Any = None, history: Optional[Iterable[Any]] = None
    ) -> np.ndarray:
        """float32 scores of the candidates (ids or titles), larger is better; None: of every item of the catalogue, by
        number, -inf for what can not be recommended."""
        import numpy as np

        asked = _texts(candidates, "candidates")
        out = np.empty(self.catalogue.n_items if asked is None else len(asked), np.float32)
        self._fitted().score(None if user is None else str(user), _texts(history, "history"), asked, out)
        return out

    def save(self, folder: Path) -> None:
        """A folder with the model and its catalogue, written whole or not at all."""
        self._fitted().save(os.fspath(folder))

    def __repr__(self) -> str:
        options = "".join(f", {k}={v!r}" for k, v in self.options.items())
        return f"lorec.Recommender({self.method!r}{options}){'' if self._handle else ' (not fitted)'}"


def _word(value: Any) -> str:
    """An option's value as the library reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(_word(v) for v in value)
    if isinstance(value, float):
        return repr(value)
    return str(value)


def load(folder: Path, method: Optional[str] = None, seed: Optional[int] = None) -> Recommender:
    """A model that was saved, or one out of a run folder: its first, or that of this method and seed."""
    return Recommender._of(_core.model_load(os.fspath(folder), method, -1 if seed is None else seed))
