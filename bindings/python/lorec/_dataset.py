"""Who did what, when."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _core
from ._talk import Progress, told

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

Path = Union[str, "os.PathLike[str]"]


class Dataset:
    """Interactions of users with items, oldest first, with their ids and titles. It never changes.

    >>> data = lorec.Dataset("ratings.csv")          # a raw file or folder of any known form, a prepared one, or "sample"
    >>> data = lorec.Dataset.from_arrays(users, items, ratings, times)
    >>> data = lorec.Dataset.from_pandas(frame, user="who", item="what", time="when")
    >>> data.n_users, data.n_items, len(data)
    """

    __slots__ = ("_handle", "_names", "_counts")
    _handle: _core.Dataset

    def __init__(self, source: Path, format: Optional[str] = None, *, progress: Union[None, bool, Progress] = None):
        """Reads `source`: a path, or "sample" (made from a seed, the same everywhere). format: a name of `lorec data formats`
        where guessing fails. InputError names the file, the line and the remedy."""
        self._adopt(_core.dataset_load(os.fspath(source), format, told(progress)))

    def _adopt(self, handle: _core.Dataset) -> None:
        self._handle = handle
        self._names: dict[str, list[str]] = {}
        self._counts = handle.about()

    @classmethod
    def _of(cls, handle: _core.Dataset) -> Dataset:
        self = cls.__new__(cls)
        self._adopt(handle)
        return self

    @classmethod
    def from_arrays(
        cls,
        users: Any,
        items: Any,
        ratings: Any = None,
        times: Any = None,
        *,
        titles: Optional[Mapping[Any, str]] = None,
        name: str = "memory",
    ) -> Dataset:
        """From columns of equal length: ids are whole numbers or texts; ratings are numbers, NaN where there is none; times
        are numbers since 1970 (seconds, ms, us or ns, all the same) or datetime64; without them the order of the rows is
        the time. titles: from an item's id to its title.

        Contiguous int64 ids and times and float32 ratings are read where they lie, others are converted first."""
        import numpy as np

        user, user_ids = _numbers(np.asarray(users), None)
        item, item_ids = _numbers(np.asarray(items), titles)
        item_titles = None
        if titles is not None and item_ids is not None:
            by_id = {str(k): v for k, v in titles.items()}
            item_titles = [by_id.get(i) for i in item_ids]
        rating = None if ratings is None else np.ascontiguousarray(ratings, dtype=np.float32)
        return cls._of(
            _core.dataset_from_rows(name, user, item, rating, _seconds(times), user_ids, item_ids, item_titles)
        )

    @classmethod
    def from_pandas(
        cls,
        frame: pd.DataFrame,
        user: str = "user",
        item: str = "item",
        rating: Optional[str] = None,
        time: Optional[str] = None,
        title: Optional[str] = None,
        *,
        name: str = "memory",
    ) -> Dataset:
        """From the columns of a DataFrame with these names. rating and time: "rating", "time" and "timestamp" are taken where
        they are there and nothing else is said."""
        if rating is None and "rating" in frame:
            rating = "rating"
        if time is None:
            time = next((c for c in ("time", "timestamp") if c in frame), None)
        titles = None
        if title is not None:
            named = frame.drop_duplicates(item)
            titles = {i: t for i, t in zip(named[item], named[title]) if isinstance(t, str)}
        column = {k: None if k is None else frame[k].to_numpy() for k in (user, item, rating, time)}
        return cls.from_arrays(column[user], column[item], column[rating], column[time], titles=titles, name=name)

    @property
    def name(self) -> str:
        """Its name: the file's or folder's, or what was given."""
        return self._counts[0]

    @property
    def n_users(self) -> int:
        """How many users there are."""
        return self._counts[1]

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return self._counts[2]

    def __len__(self) -> int:
        """How many interactions there are."""
        return self._counts[3]

    def _list(self, what: str) -> list[str]:
        if what not in self._names:
            self._names[what] = getattr(self._handle, what)()
        return self._names[what]

    @property
    def user_ids(self) -> Sequence[str]:
        """Ids of the users by number, as in the source."""
        return self._list("users")

    @property
    def item_ids(self) -> Sequence[str]:
        """Ids of the items by number, as in the source."""
        return self._list("items")

    @property
    def titles(self) -> Sequence[str]:
        """Titles of the items by number; the id where there is none."""
        return self._list("titles")

    def _column(self, i: int) -> Optional[np.ndarray]:
        import numpy as np

        buffer = self._handle.columns()[i]
        return None if buffer is None else np.asarray(memoryview(buffer))

    @property
    def start(self) -> np.ndarray:
        """uint64 [n_users + 1]: user u's rows are start[u] to start[u + 1] - 1, oldest first. The library's own memory."""
        return self._column(0)  # type: ignore[return-value]

    @property
    def item(self) -> np.ndarray:
        """uint32 [interactions]: numbers of the items. The library's own memory, read-only."""
        return self._column(1)  # type: ignore[return-value]

    @property
    def rating(self) -> Optional[np.ndarray]:
        """float32 [interactions], NaN: none; None where no row has one. The library's own memory, read-only."""
        return self._column(2)

    @property
    def time(self) -> Optional[np.ndarray]:
        """int64 [interactions], seconds since 1970; None where there are none. The library's own memory, read-only."""
        return self._column(3)

    def to_pandas(self) -> pd.DataFrame:
        """One row an interaction: user, item, and title, rating, time where there are any."""
        import numpy as np
        import pandas as pd

        start, item = self.start.astype(np.int64), self.item
        user = np.repeat(np.arange(self.n_users), start[1:] - start[:-1])
        frame = pd.DataFrame({"user": np.asarray(self.user_ids, object)[user], "item": np.asarray(self.item_ids, object)[item]})
        if list(self.titles) != list(self.item_ids):
            frame["title"] = np.asarray(self.titles, object)[item]
        if self.rating is not None:
            frame["rating"] = self.rating
        if self.time is not None:
            frame["time"] = self.time.astype("datetime64[s]").astype("datetime64[ns]")
        return frame

    def save(self, folder: Path) -> None:
        """A prepared data set: a folder of memory-mapped columns, read by Dataset(folder) and by `lorec --data`."""
        self._handle.save(os.fspath(folder))

    def __repr__(self) -> str:
        return f"<lorec.Dataset {self.name}: {self.n_users} users, {self.n_items} items, {len(self)} interactions>"


def _numbers(column: Any, titles: Optional[Mapping[Any, str]]) -> tuple[Any, Optional[list[str]]]:
    """Ids as int64, and the table they are places in: none where they are whole numbers by themselves."""
    import numpy as np

    if column.ndim != 1:
        raise ValueError(f"ids have to be one column, not of shape {column.shape}")
    if column.size == 0:
        column = column.astype(np.int64)
    whole = column.dtype.kind in "iu"
    if column.dtype == np.uint64 and column.size and int(column.max()) > np.iinfo(np.int64).max:
        whole = False
    if whole and titles is None:
        return np.ascontiguousarray(column, dtype=np.int64), None
    if column.dtype.kind == "f":
        raise TypeError("ids are whole numbers or texts, not floats; a column with a gap in it becomes floats")
    if not whole and column.dtype.kind != "U":
        missing = [i for i, x in enumerate(column) if x is None or x != x]
        if missing:
            raise _core.InputError(f"row {missing[0]}: an id is missing")
        column = np.array([str(x) for x in column], dtype=object)
    table, place = np.unique(column, return_inverse=True)
    return np.ascontiguousarray(place.reshape(-1), dtype=np.int64), [str(x) for x in table]


def _seconds(times: Any) -> Any:
    """int64 since 1970, or None. Of datetime64 the nanoseconds stay, so that they decide the order."""
    import numpy as np

    if times is None:
        return None
    column = np.asarray(times)
    if column.dtype.kind == "M":
        gaps = np.flatnonzero(np.isnat(column))
        if gaps.size:
            raise _core.InputError(f"row {gaps[0]}: a time is missing")
        column = column.astype("datetime64[s]" if np.datetime_data(column.dtype)[0] in ("Y", "M", "W", "D", "h", "m", "s") else "datetime64[us]")
        return np.ascontiguousarray(column.view(np.int64))
    if column.dtype.kind == "f":
        gaps = np.flatnonzero(~np.isfinite(column))
        if gaps.size:
            raise _core.InputError(f"row {gaps[0]}: a time is missing")
    return np.ascontiguousarray(column, dtype=np.int64)
