"""Perplexities against each other: pepler_intervals.py NAME SEQUENTIAL JOINT prints rows of docs/results/pepler.md.

SEQUENTIAL and JOINT are result.json of runs over the same data and seeds. A row says by how much one perplexity is above another, in percent, with
95 % of a bootstrap over people (2,000 draws, all texts of a person together, all seeds of a text together). Standard library only."""
import json
import math
import random
import sys


def read(path):
    """Per seed the texts of the test part: (user, tokens, new, loss, loss with another user, with another item)."""
    keys = ["user", "tokens", "new", "loss", "loss, users shuffled", "loss, items shuffled"]
    rows = [r for r in json.load(open(path))["results"] if r["method"] == "pepler"]
    return [list(zip(*(r["counts"]["study"]["each: " + k] for k in keys))) for r in sorted(rows, key=lambda r: r["seed"])]


def above(a, b, only_new, draws=2000):
    """a, b: per seed the losses of the same texts as (user, tokens, new, loss). By how much is a's perplexity above b's?"""
    sums, each = {}, []
    for x, y in zip(a, b):
        difference = tokens = 0
        for (user, n, new, loss), (other, m, _, less) in zip(x, y):
            assert (user, n) == (other, m), "not the same texts"
            if only_new and not new: continue
            difference, tokens = difference + loss - less, tokens + n
            s = sums.setdefault(user, [0, 0])
            s[0] += loss - less
            s[1] += n
        each.append(math.exp(difference / tokens) - 1)
    people, draw = list(sums.values()), random.Random(1)
    percent = lambda some: math.exp(sum(s[0] for s in some) / sum(s[1] for s in some)) - 1
    drawn = sorted(percent(draw.choices(people, k=len(people))) for _ in range(draws))
    return percent(people), drawn[int(.025 * draws)], drawn[int(.975 * draws)], each, len(people)


name, sequential, joint = sys.argv[1], read(sys.argv[2]), read(sys.argv[3])
take = lambda runs, k: [[(t[0], t[1], t[2], t[k]) for t in run] for run in runs]
for what, a, b in [("users shuffled over true, sequential", take(sequential, 4), take(sequential, 3)),
                   ("items shuffled over true, sequential", take(sequential, 5), take(sequential, 3)),
                   ("users shuffled over true, joint", take(joint, 4), take(joint, 3)),
                   ("sequential over joint", take(sequential, 3), take(joint, 3))]:
    for new in (False, True):
        mean, low, high, each, people = above(a, b, new)
        print(f"| {name} | {what} | {'new texts' if new else 'all texts'} | {people} | {100 * mean:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}] | "
              + ", ".join(f"{100 * e:+.1f}" for e in each) + " |")
