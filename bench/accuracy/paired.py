"""Two systems over the same people: paired.py METRIC A... -- B... prints a line "A | B | difference [95 %] | of each seed".

A and B are per_user.tsv files of runs (runs/X/results/METHOD-SEED/per_user.tsv), one a seed, in the same order. A person's difference is
the mean over seeds; the interval is a bootstrap over persons (2,000 draws, percentiles), so it speaks of other people, not of other seeds:
the differences of the single seeds stand beside it. Standard library only."""
import random
import sys


def read(path, metric):
    lines = open(path, encoding="utf-8").read().splitlines()
    column = lines[0].split("\t").index(metric)
    return {c[0]: float(c[column]) for c in (line.split("\t") for line in lines[1:])}


def interval(values, draws=2000, seed=1):
    draw, n = random.Random(seed), len(values)
    means = sorted(sum(draw.choices(values, k=n)) / n for _ in range(draws))
    return means[int(.025 * draws)], means[int(.975 * draws)]


def paired(metric, a, b):
    """Mean of a, mean of b, mean difference, its interval, the differences of each seed."""
    a, b = [read(p, metric) for p in a], [read(p, metric) for p in b]
    if len(b) == 1: b *= len(a)  # a control without a seed
    people = sorted(set.intersection(*(set(x) for x in a + b)))
    if len(a) != len(b) or any(set(x) != set(people) for x in a + b): raise SystemExit("paired: not the same people, or not as many seeds")
    mean = lambda x: sum(x[p] for p in people) / len(people)
    each = [mean(x) - mean(y) for x, y in zip(a, b)]
    difference = [sum(x[p] - y[p] for x, y in zip(a, b)) / len(a) for p in people]
    return sum(map(mean, a)) / len(a), sum(map(mean, b)) / len(b), sum(difference) / len(people), interval(difference), each


if __name__ == "__main__":
    cut = sys.argv.index("--")
    x, y, difference, (low, high), each = paired(sys.argv[1], sys.argv[2:cut], sys.argv[cut + 1:])
    print(f"{x:.4f} | {y:.4f} | {difference:+.4f} [{low:+.4f}, {high:+.4f}] | " + ", ".join(f"{e:+.4f}" for e in each))
