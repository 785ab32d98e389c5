"""Language models, by one whose every answer is known."""

import os
import threading
import unittest

import numpy as np

import lorec
from support import UNIGRAM, Fresh, unigram

LETTER = {"a": 0, "b": 1, "c": 2, " ": 3}


def logp(text):
    return sum(UNIGRAM[LETTER[c]] for c in text)


class Unigram(Fresh):
    def setUp(self):
        super().setUp()
        self.lm = lorec.LM(unigram("m"))

    def test_what_it_is(self):
        self.assertEqual((self.lm.type, self.lm.vocab, self.lm.positions), ("gpt2", 5, 16))
        self.assertEqual(self.lm.tokenize("cab").tolist(), [2, 0, 1])
        self.assertEqual(self.lm.detokenize([2, 0, 1, 4]), "cab")
        self.assertEqual(self.lm.detokenize([2, 4], special=True), "c<|end|>")

    def test_scores(self):
        texts = ["a", "b", "ab", "bca", "", "b"]
        np.testing.assert_allclose(self.lm.score("cab", texts), [logp(t) for t in texts], atol=1e-5)
        np.testing.assert_allclose(self.lm.score("cab", texts, mean=True), [logp(t) / max(len(t), 1) for t in texts], atol=1e-5)
        np.testing.assert_allclose(self.lm.score("cab", texts, ends=True), [logp(t) + UNIGRAM[4] for t in texts], atol=1e-5)
        self.assertEqual(self.lm.score("cab", []).shape, (0,))
        with self.assertRaisesRegex(lorec.InputError, "does not fit"):
            self.lm.score("a" * 30, ["b"])
        np.testing.assert_allclose(self.lm.score("a" * 30, ["b"], cut=True), [logp("b")], atol=1e-5)
        with self.assertRaises(TypeError):
            self.lm.score("cab", "ab")

    def test_logits(self):
        raw = np.array([1, 2, 0, 0, -1], np.float32)
        np.testing.assert_allclose(self.lm.logits("cab"), raw, atol=1e-6)
        np.testing.assert_allclose(self.lm.logits([2, 0, 1]), raw, atol=1e-6)
        np.testing.assert_allclose(self.lm.logits("cab", every=True), np.tile(raw, (3, 1)), atol=1e-6)
        np.testing.assert_allclose(self.lm.logits(["cab", "a"]), np.tile(raw, (2, 1)), atol=1e-6)
        np.testing.assert_allclose(self.lm.logits([np.array([2]), [0, 1]], every=True), np.tile(raw, (3, 1)), atol=1e-6)
        out = np.zeros((2, 5), np.float32)
        self.lm.logits(["a", "b"], out=out)
        np.testing.assert_allclose(out, np.tile(raw, (2, 1)), atol=1e-6)
        self.assertEqual(self.lm.logits([]).shape, (0, 5))
        for wrong in ([5], [-1], [[]], ["a" * 17]):
            with self.assertRaises(ValueError):
                self.lm.logits(wrong)
        with self.assertRaises(ValueError):
            self.lm.logits(["a", "b"], out=np.zeros(5, np.float32))

    def test_texts(self):
        (said,) = self.lm.generate("cab", 4)
        self.assertEqual((said.text, str(said), said.ended, said.choice), ("bbbb", "bbbb", "length", None))
        self.assertAlmostEqual(said.logprob, 4 * UNIGRAM[1], 4)
        self.assertEqual(said.ids.tolist(), [1, 1, 1, 1])
        self.assertEqual(self.lm.generate("cab", 9, stop="bbb")[0].text, "")
        heard = []
        self.lm.generate("cab", 4, on_text=lambda sample, text: heard.append((sample, text)))
        self.assertEqual("".join(t for _, t in heard), "bbbb")
        cut = self.lm.generate("cab", 9, on_text=lambda sample, text: False)[0]
        self.assertEqual((cut.ended, cut.text), ("cancelled", "b"))
        with self.assertRaisesRegex(ZeroDivisionError, "division"):
            self.lm.generate("cab", 4, on_text=lambda *a: 1 / 0)
        drawn = [[g.text for g in self.lm.generate("cab", 6, temperature=2, samples=5, seed=s)] for s in (3, 3, 4)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertNotEqual(drawn[0], drawn[2])

    def test_only_these(self):
        titles = ["ca", "cab", "aa"]
        best = self.lm.generate("cab", only=titles, beams=3)
        self.assertEqual([g.choice for g in best], [2, 1, 0])  # "ca" has to say its end too
        self.assertEqual([g.text for g in best], ["aa", "cab", "ca"])
        self.assertIn(self.lm.generate("cab", only=titles)[0].text, titles)
        for wrong, kind in (({"samples": 2}, lorec.UsageError), ({"beams": 2, "temperature": 1.0}, lorec.UsageError), ({"only": [""]}, lorec.InputError)):
            with self.assertRaises(kind):
                self.lm.generate("cab", **wrong)

    def test_vectors(self):
        lm = lorec.LM("m", pooling="mean", normalize=True)
        texts = ["cab", "a", "bb"]
        x = lm.embed(texts)
        self.assertEqual((x.shape, x.dtype, lm.width), ((3, 2), "float32", 2))
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(lm.embed("a"), x[1])
        out = np.empty((3, 2), np.float32)
        self.assertIs(lm.embed(texts, out=out), out)
        np.testing.assert_array_equal(out, x)
        self.assertEqual(lm.embed([]).shape, (0, 2))
        with self.assertRaises(ValueError):
            lm.embed(texts, out=np.empty((1, 2), np.float32))

    def test_threads_share_one(self):
        wrong = []

        def work(letter):
            for _ in range(40):
                if abs(self.lm.score("cab", [letter * 3])[0] - logp(letter * 3)) > 1e-4:
                    wrong.append(letter)
                if self.lm.generate("cab", 3)[0].text != "bbb":
                    wrong.append("b")

        workers = [threading.Thread(target=work, args=(x,)) for x in "abc"]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.assertEqual(wrong, [])

    def test_refusals(self):
        with self.assertRaisesRegex(lorec.InputError, "nothing"):
            lorec.LM("nothing")
        with self.assertRaisesRegex(lorec.UsageError, "q5"):
            lorec.LM("m", weights="q5")
        with open("m/config.json", "w") as f:
            f.write("{}")
        with self.assertRaises(lorec.InputError):
            lorec.LM("m")


SHARED = os.path.join(os.environ.get("LOREC_SOURCE_DIR", "."), "..", "shared", "oracle")


class Oracle(Fresh):
    @unittest.skipUnless(os.path.isdir(SHARED), "../shared is not here")
    def test_logits_of_transformers(self):
        """Models of transformers' making, and what transformers says of them; their ids need no vocabulary."""
        any_words = os.path.join(unigram("m"), "tokenizer.json")
        tried = 0
        for name in sorted(os.listdir(SHARED)):
            files = {f: os.path.join(SHARED, name, f + ".npy") for f in ("input_ids", "logits", "attention_mask", "decoder_input_ids")}
            have = {f for f, path in files.items() if os.path.exists(path)}
            if have != {"input_ids", "logits"}:
                continue  # an encoder, or padded
            ids, wanted = np.load(files["input_ids"]), np.load(files["logits"])
            lm = lorec.LM(os.path.join(SHARED, name), tokenizer=any_words, weights="f32")
            got = lm.logits(list(ids.astype(np.int32)), every=True).reshape(wanted.shape)
            self.assertLess(np.abs(got - wanted).max(), 1e-4 * np.abs(wanted).max(), name)
            np.testing.assert_allclose(lm.logits(list(ids)), wanted[:, -1], atol=1e-4 * np.abs(wanted).max(), err_msg=name)
            tried += 1
        self.assertGreater(tried, 4)


if __name__ == "__main__":
    unittest.main()
