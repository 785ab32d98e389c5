"""What the Python package costs beside the library itself; results in docs/results/python.md.

PYTHONPATH=$PWD/build/python python3 bench/python_package.py        # a minute; prints Markdown
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

import lorec


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def rss():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))


def row(what, figure):
    print(f"| {what} | {figure} |", flush=True)


def imports():
    script = "import time; t = time.perf_counter(); import lorec; print(time.perf_counter() - t)"
    seconds = [float(subprocess.check_output([sys.executable, "-c", script])) for _ in range(7)]
    row("`import lorec`, median of 7 processes", f"{1e3 * sorted(seconds)[3]:.0f} ms")


def rows(n=1_000_000):
    rng = np.random.default_rng(1)
    users, items = rng.integers(0, 50_000, n), rng.integers(0, 20_000, n)
    times = rng.integers(1_500_000_000, 1_600_000_000, n)
    c = cpu()
    data = lorec.Dataset.from_arrays(users, items, times=times)
    row(f"`Dataset.from_arrays`, {n:,} rows of int64 ids and times", f"{cpu() - c:.2f} CPU s")
    names = np.char.add("item-", items.astype(str))
    c = cpu()
    lorec.Dataset.from_arrays(users, names, times=times)
    row("the same with texts as item ids (numpy's sort of the texts included)", f"{cpu() - c:.2f} CPU s")
    before, c = rss(), cpu()
    for _ in range(1000):
        data.start, data.item, data.time
    row("`data.start`, `.item`, `.time` 1,000 times", f"{1e6 * (cpu() - c) / 3000:.1f} us each, RSS +{rss() - before:.1f} MiB (a copy of all would be 8 + 4 + 8 bytes a row)")


def asks(data):
    model = lorec.Recommender("ease").fit(data)
    users = list(data.user_ids)
    model.recommend_many(k=10)
    c = cpu()
    model.recommend_many(k=10)
    many = (cpu() - c) / len(users)
    c = cpu()
    for u in users:
        model.recommend(u, k=10)
    one = (cpu() - c) / len(users)
    row(f"EASE, {data.n_items} items, k 10: `recommend_many`, each user", f"{1e6 * many:.1f} CPU us")
    row("`recommend`, each call", f"{1e6 * one:.1f} CPU us")
    before = rss()
    for i in range(20_000):
        model.recommend(users[i % len(users)], k=10)
    row("RSS after 20,000 more calls of `recommend`", f"{rss() - before:+.2f} MiB")


def gil(data):
    """A clock in Python beside a fit: how late does it tick? Held, it would stand still for the whole call."""
    late, done = [], threading.Event()

    def tick():
        while not done.is_set():
            t = time.perf_counter()
            time.sleep(0.005)
            late.append(time.perf_counter() - t - 0.005)

    clock = threading.Thread(target=tick)
    clock.start()
    t = time.perf_counter()
    lorec.Recommender("bpr", epochs=3, stopping_step=1000).fit(data)
    fit = time.perf_counter() - t
    done.set()
    clock.join()
    row(f"another thread's 5 ms sleep beside a fit of {fit:.1f} s: late by, median and worst of {len(late)}", f"{1e3 * np.median(late):.2f} ms, {1e3 * max(late):.0f} ms")


def interrupts(n=9):
    script = (
        "import lorec, sys, time\n"
        "data = lorec.Dataset('sample')\n"
        "print('ready', flush=True)\n"
        "try: lorec.Recommender('bpr', epochs=1000000, stopping_step=1000000).fit(data)\n"
        "except KeyboardInterrupt: print(time.monotonic(), flush=True)\n"
    )
    seconds = []
    for _ in range(n):
        p = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        p.stdout.readline()
        time.sleep(1)
        sent = time.monotonic()
        p.send_signal(signal.SIGINT)
        seconds.append(float(p.stdout.readline()) - sent)
        p.wait()
    row(f"Ctrl-C in a fit to KeyboardInterrupt, median and worst of {n}", f"{1e3 * sorted(seconds)[n // 2]:.0f} ms, {1e3 * max(seconds):.0f} ms")


def main():
    print(f"lorec {lorec.__version__}, Python {sys.version.split()[0]}, numpy {np.__version__}, {lorec.threads()} threads, load average {os.getloadavg()[0]:.1f}\n")
    print("| what | figure |\n|---|--:|")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        data = lorec.Dataset("sample")
        imports()
        rows()
        asks(data)
        gil(data)
        interrupts()
        os.chdir("/")


if __name__ == "__main__":
    main()
