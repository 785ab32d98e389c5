"""Long calls: progress, Ctrl-C, the GIL, threads, log lines, memory."""

import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
import unittest

import numpy as np

import lorec
from support import Fresh, chain_data, rss_mib, unigram

FOREVER = 1_000_000  # epochs


class Stop(Exception):
    pass


class Calls(Fresh):
    def test_progress_is_told(self):
        heard = []
        lorec.Recommender("bpr", epochs=3).fit(chain_data(), progress=lambda *what: heard.append(what))
        self.assertTrue(heard)
        for what, done, total, unit, note in heard:
            self.assertTrue(isinstance(what, str) and what and isinstance(unit, str) and isinstance(note, str))
            self.assertTrue(0 <= done <= total)
        with self.assertRaises(TypeError):
            lorec.Recommender("bpr").fit(chain_data(), progress=3)

    def test_an_exception_in_progress_ends_the_call(self):
        def progress(*what):
            raise Stop("enough")

        with self.assertRaisesRegex(Stop, "enough"):
            lorec.Recommender("bpr", epochs=FOREVER).fit(chain_data(), progress=progress)
        with self.assertRaises(Stop):
            lorec.run("bpr", chain_data(), out="stopped", epochs=FOREVER, progress=progress)
        self.assertEqual(lorec.Recommender("markov").fit(chain_data()).recommend(history=[4], k=1)[0].id, "5")

    def test_a_callback_may_call_lorec(self):
        inner = []

        def progress(*what):
            if len(inner) < 2:
                inner.append(lorec.Recommender("markov").fit(chain_data()))

        heard = []
        lorec.Recommender("bpr", epochs=3).fit(chain_data(), progress=lambda *w: (progress(*w), heard.append(w)))
        self.assertEqual(len(inner), 2)
        self.assertGreater(len(heard), 2)  # the outer call is told on after the inner one ended

    def test_a_run_inside_a_run(self):
        def progress(*what):
            lorec.run("pop", chain_data(), out="inner")

        with self.assertRaisesRegex(lorec.UsageError, "inside a run"):
            lorec.run("bpr", chain_data(), out="outer", progress=progress)
        lorec.run("pop", chain_data(), out="after")

    def test_it_is_quiet(self):
        script = "import numpy as np, lorec; lorec.run('bpr', lorec.Dataset('sample'), epochs=2, out='run', controls=False)"
        said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "", ""))

    def test_ctrl_c(self):
        """KeyboardInterrupt within a second or so, and the process goes on; no handler of lorec's own is in its way."""
        script = textwrap.dedent(f"""
            import signal, sys, time, numpy as np, lorec
            users, items = np.repeat(np.arange(400), 20), np.arange(8000) % 97
            data = lorec.Dataset.from_arrays(users, items)
            before = signal.getsignal(signal.SIGINT)
            print("ready", flush=True)
            try:
                lorec.run("bpr", data, out="run", epochs={FOREVER}, controls=False, stopping_step={FOREVER})
            except KeyboardInterrupt:
                assert signal.getsignal(signal.SIGINT) is before
                print("interrupted", lorec.Recommender("markov").fit(data).recommend(history=[3], k=1)[0].id, flush=True)
        """)
        p = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "ready\n")
        time.sleep(1.5)
        asked = time.monotonic()
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
        self.assertEqual((p.returncode, out), (0, "interrupted 4\n"), err)
        self.assertLess(time.monotonic() - asked, 30)
        self.assertTrue(os.path.exists("run/config.json"))

    def test_the_gil_is_free_meanwhile(self):
        ticks, stop = [0], threading.Event()

        def tick():
            while not stop.is_set():
                ticks[0] += 1
                time.sleep(0.001)

        ticker = threading.Thread(target=tick)
        ticker.start()
        users, items = np.repeat(np.arange(2000), 20), np.arange(40000) % 997
        data = lorec.Dataset.from_arrays(users, items)
        before = ticks[0]
        lorec.Recommender("ease").fit(data)
        during = ticks[0] - before
        stop.set()
        ticker.join()
        self.assertGreater(during, 5)

    def test_threads_ask_one_model(self):
        model = lorec.Recommender("itemknn").fit(chain_data())
        users = list(model.catalogue.user_ids)
        wanted = {u: model.recommend(u, k=5) for u in users}
        many = model.recommend_many(k=5)[0].tolist()
        wrong = []

        def work(seed):
            rng = np.random.default_rng(seed)
            for _ in range(100):
                u = users[rng.integers(len(users))]
                if model.recommend(u, k=5) != wanted[u]:
                    wrong.append(u)
            if model.recommend_many(k=5)[0].tolist() != many:
                wrong.append("many")

        workers = [threading.Thread(target=work, args=(s,)) for s in range(3)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.assertEqual(wrong, [])

    def test_runs_beside_each_other_wait(self):
        reports, data = {}, chain_data()

        def work(name):
            reports[name] = lorec.run("markov", data, out=name)

        workers = [threading.Thread(target=work, args=(f"r{i}",)) for i in range(3)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
        self.assertEqual(sorted(reports), ["r0", "r1", "r2"])
        for name in reports:
            with open(f"{name}/log.txt") as f:
                self.assertEqual(f.read().count("markov, seed 1"), 1)

    def test_lines_go_to_logging(self):
        with self.assertLogs("lorec", logging.INFO) as heard:
            lorec.run("markov", chain_data(), out="run")
        self.assertTrue(any("markov, seed 1" in line for line in heard.output))

    def test_threads_are_set(self):
        before = lorec.threads()
        try:
            lorec.set_threads(1)
            self.assertEqual(lorec.threads(), 1)
        finally:
            lorec.set_threads(before)
        with self.assertRaises(ValueError):
            lorec.set_threads(0)

    def test_the_environment_stays(self):
        script = "import os; before = dict(os.environ); import lorec; assert dict(os.environ) == before"
        subprocess.run([sys.executable, "-c", script], check=True)


@unittest.skipIf(os.environ.get("LOREC_SANITIZED"), "the sanitizer keeps what was freed")
class Memory(Fresh):
    def grows(self, work, warm=30, rounds=150):
        """MiB of RSS and bytes of Python objects that `rounds` calls leave behind, after some that fill caches."""
        for _ in range(warm):
            work()
        gc.collect()
        tracemalloc.start()
        before, objects = rss_mib(), tracemalloc.get_traced_memory()[0]
        for _ in range(rounds):
            work()
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return rss_mib() - before, after - objects

    def flat(self, work, **more):
        mib, objects = self.grows(work, **more)
        self.assertLess(mib, 6, "RSS grows")
        self.assertLess(objects, 20_000, "Python objects stay")

    def test_models_and_data(self):
        users, items = np.repeat(np.arange(500), 20), np.arange(10_000) % 211
        names = [f"item {i}" for i in items]

        def work():
            data = lorec.Dataset.from_arrays(users, names, titles={n: n.upper() for n in set(names)})
            model = lorec.Recommender("markov").fit(data)
            model.recommend(history=names[:5], k=20)
            model.recommend_many(k=20)
            model.score(user=3)
            data.item.sum(), model.catalogue.titles

        self.flat(work, rounds=60)

    def test_failures(self):
        data = chain_data()
        model = lorec.Recommender("markov").fit(data)

        def work():
            for wrong in (
                lambda: lorec.Recommender("nothing").fit(data),
                lambda: lorec.Recommender("ease", l2="x").fit(data),
                lambda: model.recommend("nobody"),
                lambda: model.recommend(history=["x", 3, "\0"]),
                lambda: lorec.Dataset("nothing"),
                lambda: lorec.Dataset.from_arrays([1, 2], [1]),
                lambda: lorec.run("nothing", data),
                lambda: lorec.LM("nothing"),
            ):
                try:
                    wrong()
                except (lorec.Error, ValueError):
                    continue
                raise AssertionError("no error")

        self.flat(work)

    def test_language_models(self):
        lm = lorec.LM(unigram("m"))

        def work():
            lm.score("cab", ["a", "bc"] * 20)
            lm.generate("cab", 5, temperature=1, samples=3, on_text=lambda s, t: None)
            lm.logits(["cab", "a"], every=True)
            lm.embed(["cab", "a"])
            lorec.LM("m")

        self.flat(work, rounds=60)

    def test_runs(self):
        data = chain_data()
        count = [0]

        def work():
            count[0] += 1
            report = lorec.run("markov", data, out=f"r{count[0]}", progress=lambda *a: None)
            report.model().recommend(history=[3], k=2), lorec.Report(report.folder)

        self.flat(work, warm=8, rounds=20)


if __name__ == "__main__":
    unittest.main()
