"""run() and Report: the table is the JSON's, the users' numbers have its means; failures, resuming, models out of a run."""

import json
import os
import subprocess
import unittest

import numpy as np

import lorec
from support import USERS, Fresh, chain_data

try:
    import pandas as pd
except ImportError:
    pd = None


class Running(Fresh):
    def run_it(self, **more):
        settings = {"metrics": ["recall", "ndcg"], "topk": 3, "out": "first", **more}
        return lorec.run(["markov", "itemknn"], chain_data(), **settings)


class Runs(Running):
    def test_folder_result_and_models(self):
        report = self.run_it(markov={"smoothing": 0.25})
        self.assertEqual(report.folder, "first")
        self.assertEqual(report.metrics, ["recall@3", "ndcg@3"])
        found = {r["method"]: r for r in report.result["results"]}
        self.assertEqual(found["markov"]["options"]["smoothing"], 0.25)
        self.assertEqual(found["ease"]["role"], "control")
        self.assertGreater(found["markov"]["metrics"]["recall@3"], found["pop"]["metrics"]["recall@3"])
        self.assertEqual(report.model().method, "markov")
        self.assertEqual(report.model("itemknn").method, "itemknn")
        self.assertEqual(lorec.load("first").recommend(history=[4], k=1)[0].id, "5")
        again = lorec.Report("first")
        self.assertEqual(again.result["summary"], report.result["summary"])
        with open("first/result.json") as f:
            self.assertEqual(json.load(f)["protocol"], report.result["protocol"])
        with self.assertRaises(lorec.InputError):
            lorec.Report("nothing")
        with self.assertRaisesRegex(lorec.InputError, "seed 7"):
            report.model("markov", 7)

    def test_the_program_reads_it(self):
        program = os.environ.get("LOREC_BIN")
        if not program:
            self.skipTest("LOREC_BIN is not set")
        self.run_it()
        out = subprocess.run([program, "recommend", "first", "--item", "4", "-k", "1"], capture_output=True, text=True)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("5", out.stdout)
        again = subprocess.run([program, "run", "--config", "first/config.json", "--out", "again", "--json"], capture_output=True, text=True)
        self.assertEqual(again.returncode, 0, again.stderr)
        mine = lorec.Report("first").result
        self.assertEqual(json.loads(again.stdout)["protocol"]["id"], mine["protocol"]["id"])
        for a, b in zip(json.loads(again.stdout)["results"], mine["results"]):
            self.assertEqual(a["method"], b["method"])
            for metric in mine["metrics"]:
                self.assertAlmostEqual(a["metrics"][metric], b["metrics"][metric], 9)

    def test_settings(self):
        report = self.run_it(seed=[1, 2], controls=False, split="ratio:8:1:1", out="two")
        self.assertEqual([(r["method"], r["seed"]) for r in report.result["results"]], [("markov", 1), ("markov", 2), ("itemknn", 1), ("itemknn", 2)])
        self.assertIn("ratio", report.result["protocol"]["id"])
        self.assertEqual(self.run_it(test_users=np.int64(7), out="three").result["protocol"]["users"], 7)
        with open("u.csv", "w") as f:
            f.write("user,item,timestamp\n" + "".join(f"{u},{(u + k) % 9},{k}\n" for u in range(30) for k in range(6)))
        self.assertEqual(lorec.run("pop", "u.csv", out="csv").result["data"]["users"], 30)
        for wrong, text in (
            ({"smothing": 1}, 'did you mean "smoothing"'),
            ({"hidden_size": 8}, 'no option "hidden_size"'),
            ({"metrics": ["ndgc"]}, "ndgc"),
            ({"split": "thirds"}, "thirds"),
            ({"resume": True, "out": None}, "Name its folder"),
            ({"out": "two"}, "holds a run"),
        ):
            with self.assertRaisesRegex(lorec.UsageError, text):
                self.run_it(**{"out": "wrong", **wrong})
        with self.assertRaises(TypeError):
            self.run_it(out="wrong", metrics=object())

    def test_a_failure_carries_the_report(self):
        with self.assertRaises(lorec.Error) as caught:  # without a language model it can not be run
            lorec.run("markov,llmrank", chain_data(), out="failing", llm="replay:nothing.jsonl", eval="uniform@5")
        self.assertIn("llmrank", str(caught.exception))
        status = {r["method"]: r["status"] for r in caught.exception.report.result["results"]}
        self.assertEqual((status["markov"], status["llmrank"]), ("ok", "failed"))
        with self.assertRaises(lorec.UsageError) as caught:
            lorec.run("nothing", chain_data())
        self.assertIsNone(caught.exception.report)


@unittest.skipUnless(pd, "pandas is not here")
class Frames(Running):
    def test_table_and_users(self):
        report = self.run_it(seed=[1, 2])
        table, users = report.table, report.per_user
        self.assertEqual(table.index.names, ["method", "seed"])
        self.assertEqual(users.index.names, ["method", "seed", "user"])
        self.assertEqual(len(users), USERS * len(table))
        means = users.groupby(level=["method", "seed"]).mean()
        for key, row in table.iterrows():
            for metric in report.metrics:
                self.assertAlmostEqual(row[metric], means.loc[key, metric], 5)
                self.assertTrue(row[f"{metric} low"] <= row[metric] <= row[f"{metric} high"])
        self.assertEqual(table.loc[("markov", 1), "role"], "method")
        headline = report.result["headline"]
        if headline in table:
            self.assertTrue(table[headline].is_monotonic_decreasing)
        delta = report.differences
        self.assertEqual(delta.index.names, ["method", "control", "metric"])
        by_seed = users["recall@3"].groupby(level=["method", "user"]).mean()
        self.assertAlmostEqual(delta.loc[("itemknn", "pop", "recall@3"), "delta"], (by_seed["itemknn"] - by_seed["pop"]).mean(), 5)
        self.assertIn("<table", report._repr_html_())


if __name__ == "__main__":
    unittest.main()
