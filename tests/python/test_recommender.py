"""Estimators: fitted, asked one by one and all at once, saved, loaded, wrongly used."""

import unittest

import numpy as np

import lorec
from support import ITEMS, USERS, Fresh, chain_data


class Estimators(Fresh):
    def test_it_learns_what_comes_next(self):
        model = lorec.Recommender("markov").fit(chain_data())
        for last in range(ITEMS):
            best = model.recommend(history=[last], k=1)[0]
            self.assertEqual(int(best.id), (last + 1) % ITEMS)
        self.assertEqual(best.title, best.id)
        self.assertIsInstance(best.score, float)

    def test_one_by_one_is_all_at_once(self):
        model = lorec.Recommender("itemknn").fit(chain_data())
        items, scores = model.recommend_many(k=ITEMS)
        self.assertEqual((items.shape, items.dtype, scores.dtype), ((USERS, ITEMS), "uint32", "float32"))
        ids = model.catalogue.item_ids
        for u, user in enumerate(model.catalogue.user_ids):
            wanted = model.recommend(user, k=ITEMS)
            n = len(wanted)
            self.assertEqual([ids[i] for i in items[u, :n]], [x.id for x in wanted])
            self.assertTrue((items[u, n:] == 2**32 - 1).all() and np.isnan(scores[u, n:]).all())
            every = model.score(user=user)
            np.testing.assert_allclose(every[items[u, :n]], [x.score for x in wanted], rtol=1e-5)
            np.testing.assert_allclose(model.score([x.id for x in wanted], user=user), [x.score for x in wanted], rtol=1e-5)
        some, _ = model.recommend_many([1003, "1001"], k=2)
        self.assertEqual(some.tolist(), [items[3, :2].tolist(), items[1, :2].tolist()])
        by_number, _ = model.recommend_many(np.array([3, 1]), k=2)
        self.assertEqual(by_number.tolist(), some.tolist())

    def test_saved_and_loaded(self):
        model = lorec.Recommender("ease", l2=3.5).fit(chain_data(titles={3: "Three"}))
        model.save("kept")
        again = lorec.load("kept")
        self.assertEqual(again.method, "ease")
        self.assertEqual(again.recommend("1000", k=5), model.recommend("1000", k=5))
        self.assertEqual(again.recommend(history=["Three"], k=1), model.recommend(history=[3], k=1))
        with self.assertRaisesRegex(lorec.InputError, "neither a model"):
            lorec.load(self.folder)

    def test_options_and_seeds(self):
        data = chain_data()
        a, b, c = (lorec.Recommender("bpr", seed=s, epochs=2).fit(data).score(user=1000) for s in (1, 1, 2))
        self.assertTrue((a == b).all())
        self.assertFalse((a == c).all())
        model = lorec.Recommender("ease", l2=1)
        self.assertEqual(model.get_params()["l2"], 1)
        first = model.fit(data).score(user=1000)
        self.assertFalse((model.set_params(l2=500).fit(data).score(user=1000) == first).all())
        self.assertEqual(lorec.methods()["ease"]["options"][0]["name"], "l2")

    def test_refusals(self):
        data = chain_data()
        model = lorec.Recommender("ease").fit(data)
        for wrong, kind, text in (
            (lambda: lorec.Recommender("ees").fit(data), lorec.UsageError, 'did you mean "ease"'),
            (lambda: lorec.Recommender("ease", l3=1).fit(data), lorec.UsageError, 'did you mean "l2"'),
            (lambda: lorec.Recommender("ease", l2="much").fit(data), lorec.UsageError, "number"),
            (lambda: lorec.Recommender("ease", seed=-1), ValueError, "seed"),
            (lambda: lorec.Recommender("ease").recommend("1000"), lorec.UsageError, "not fitted"),
            (lambda: model.recommend(), lorec.UsageError, "neither a user nor a history"),
            (lambda: model.recommend("nobody"), lorec.UsageError, "nobody"),
            (lambda: model.recommend(history="3"), TypeError, "list"),
            (lambda: model.recommend(history=["no such"]), lorec.UsageError, "no such"),
            (lambda: model.recommend("1000", k=0), ValueError, "k is 0"),
            (lambda: model.recommend_many(["nobody"]), lorec.UsageError, "nobody"),
            (lambda: model.recommend_many(np.array([-1])), lorec.UsageError, "from 0"),
            (lambda: model._handle.score(None, ["3"], ["4"], np.empty(1)), TypeError, "'f'"),
            (lambda: model._handle.score(None, ["3"], ["4", "5"], np.empty(1, np.float32)), ValueError, "2 are needed"),
            (lambda: model._handle.score(None, ["3"], ["4"], b"1234"), BufferError, ""),
            (lambda: lorec.Recommender("ease").fit("nothing.csv"), lorec.InputError, "nothing.csv"),
            (lambda: type(model._handle)(), TypeError, "cannot create"),
        ):
            with self.assertRaisesRegex(kind, text):
                wrong()


if __name__ == "__main__":
    unittest.main()
