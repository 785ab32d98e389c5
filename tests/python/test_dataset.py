"""Data sets: from files, arrays, DataFrames; what comes out again; what is refused, and how."""

import gc
import unittest
import weakref

import numpy as np

import lorec
from support import EACH, ITEMS, USERS, Fresh, chain, chain_data

try:
    import pandas as pd
except ImportError:
    pd = None


class Arrays(Fresh):
    def test_counts_and_order(self):
        data = chain_data()
        self.assertEqual((data.n_users, data.n_items, len(data), data.name), (USERS, ITEMS, USERS * EACH, "memory"))
        self.assertEqual(data.start.tolist(), [EACH * u for u in range(USERS + 1)])
        for u in range(USERS):
            rows = slice(int(data.start[u]), int(data.start[u + 1]))
            self.assertTrue((np.diff(data.time[rows]) == 1).all())
            items = [int(data.item_ids[i]) for i in data.item[rows]]
            self.assertEqual(items, [(u + k) % ITEMS for k in range(EACH)])
        self.assertEqual(data.user_ids[0], "1000")

    def test_columns_are_the_librarys_memory(self):
        data = chain_data()
        for column, kind in ((data.start, "uint64"), (data.item, "uint32"), (data.rating, "float32"), (data.time, "int64")):
            self.assertEqual(column.dtype, kind)
            self.assertFalse(column.flags.writeable)
        self.assertEqual(data.item.__array_interface__["data"][0], data.item.__array_interface__["data"][0])
        with self.assertRaises(ValueError):
            data.item[0] = 1
        item, before = data.item, data.item.copy()
        del data  # the array keeps what it looks at
        gc.collect()
        self.assertTrue((item == before).all())

    def test_texts_titles_and_kinds(self):
        data = lorec.Dataset.from_arrays(["b", "b", "a"], ["x", "y", "x"], titles={"x": "Exes", "z": "unknown"}, name="n")
        self.assertEqual((data.user_ids, data.item_ids, data.titles, data.name), (["b", "a"], ["x", "y"], ["Exes", "y"], "n"))
        self.assertIsNone(data.time)
        self.assertIsNone(data.rating)
        users, items, ratings, _ = chain()
        as_objects = lorec.Dataset.from_arrays([str(u) for u in users], items.astype(np.int16), ratings.astype(np.float64))
        self.assertEqual(as_objects.user_ids, chain_data().user_ids)
        dates = np.array(["2024-01-02", "2024-01-01"], "datetime64[D]")
        timed = lorec.Dataset.from_arrays([1, 1], [5, 6], times=dates.astype("datetime64[ns]"))
        self.assertEqual(timed.time.tolist(), [1704067200, 1704153600])
        self.assertEqual([timed.item_ids[i] for i in timed.item], ["6", "5"])
        numbered = lorec.Dataset.from_arrays([1, 1], [5, 6], titles={5: "Five"})
        self.assertEqual(numbered.titles, ["Five", "6"])

    def test_no_copy_where_none_is_needed(self):
        """A non-contiguous column is copied, a right one is handed over as it is; both give the same."""
        users, items, ratings, times = chain()
        wide = np.stack([users, items], 1)
        same = lorec.Dataset.from_arrays(wide[:, 0], wide[:, 1], ratings, times)
        self.assertEqual(same.item.tolist(), chain_data().item.tolist())

    def test_refusals(self):
        for wrong, kind, text in (
            (lambda: lorec.Dataset.from_arrays([], []), lorec.InputError, "no rows"),
            (lambda: lorec.Dataset.from_arrays([1, 2], [1]), ValueError, "values where|lengths"),
            (lambda: lorec.Dataset.from_arrays([1, 2, 3], [1, 2, 3], [1.0, 2.0]), ValueError, "values where|lengths"),
            (lambda: lorec.Dataset.from_arrays([1.5], [1]), TypeError, "floats"),
            (lambda: lorec.Dataset.from_arrays([[1]], [[1]]), ValueError, "one column"),
            (lambda: lorec.Dataset.from_arrays(["a", None], ["x", "y"]), lorec.InputError, "row 1"),
            (lambda: lorec.Dataset.from_arrays([1], [1], [np.inf]), lorec.InputError, "infinite"),
            (lambda: lorec.Dataset.from_arrays([1, 2], [1, 2], times=[1.0, np.nan]), lorec.InputError, "row 1"),
            (lambda: lorec.Dataset.from_arrays(["a\0b"], [1]), ValueError, "NUL"),
            (lambda: lorec.Dataset("nothing.csv"), lorec.InputError, "nothing.csv"),
            (lambda: lorec.Dataset(3), TypeError, ""),
        ):
            with self.assertRaisesRegex(kind, text):
                wrong()

    def test_files_and_saving(self):
        with open("ratings.csv", "w") as f:
            f.write("user,item,rating,timestamp\n" + "".join(f"u{u},i{i},3,{10 * u + i}\n" for u in range(9) for i in range(u + 1)))
        data = lorec.Dataset("ratings.csv")
        self.assertEqual((data.n_users, data.n_items, len(data)), (9, 9, 45))
        data.save("prepared")
        again = lorec.Dataset("prepared")
        self.assertEqual((again.user_ids, again.item.tolist()), (data.user_ids, data.item.tolist()))
        with open("bad.csv", "w") as f:
            f.write("user,item,rating,timestamp\nu,i,3,1\nu,i,much,2\n")
        with self.assertRaisesRegex(lorec.InputError, "line 3"):
            lorec.Dataset("bad.csv")
        self.assertIsInstance(lorec.InputError("x"), (lorec.Error, ValueError))

    def test_nothing_is_kept(self):
        users, items, ratings, times = (x.copy() for x in chain())
        gone = [weakref.ref(x) for x in (users, items, ratings, times)]
        data = lorec.Dataset.from_arrays(users, items, ratings, times)
        del users, items, ratings, times
        gc.collect()
        self.assertEqual([r() for r in gone], [None] * 4)
        self.assertEqual(len(data), USERS * EACH)


@unittest.skipUnless(pd, "pandas is not here")
class Frames(Fresh):
    def test_there_and_back(self):
        users, items, ratings, times = chain()
        frame = pd.DataFrame({"user": users, "item": [f"i{i}" for i in items], "rating": ratings})
        frame["time"] = pd.to_datetime(times, unit="s")
        frame["name"] = [f"Title {i}" for i in items]
        data = lorec.Dataset.from_pandas(frame, title="name")
        self.assertEqual(data.titles[0], "Title " + data.item_ids[0][1:])
        back = data.to_pandas()
        wanted = frame.sort_values(["user", "time"]).reset_index(drop=True)
        self.assertEqual(back["user"].tolist(), wanted["user"].astype(str).tolist())
        for column, of in (("item", "item"), ("title", "name"), ("rating", "rating"), ("time", "time")):
            self.assertEqual(back[column].tolist(), wanted[of].tolist())
        self.assertEqual(len(lorec.Dataset.from_pandas(frame, "user", "item", time="time")), len(frame))
        with self.assertRaises(KeyError):
            lorec.Dataset.from_pandas(frame, "who")
        frame.loc[3, "time"] = pd.NaT
        with self.assertRaisesRegex(lorec.InputError, "row 3"):
            lorec.Dataset.from_pandas(frame)


if __name__ == "__main__":
    unittest.main()
