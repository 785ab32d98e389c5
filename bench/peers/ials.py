"""implicit (https://github.com/benfred/implicit) on the matrix that `bench_ials --export FOLDER` wrote: seconds an iteration,
with the same factors, conjugate-gradient steps (3 is its default) and threads as the program beside it."""
import argparse
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--factors", type=int, default=64)
parser.add_argument("--iterations", type=int, default=3)
parser.add_argument("--threads", type=int, default=0)
arguments = parser.parse_args()
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as its README asks

import implicit
import numpy
import scipy.sparse

start = numpy.load(os.path.join(arguments.folder, "start.npy")).astype(numpy.int64)
item = numpy.load(os.path.join(arguments.folder, "item.npy")).astype(numpy.int32)
users, items = len(start) - 1, 26744
matrix = scipy.sparse.csr_matrix((numpy.ones(len(item), dtype=numpy.float32), item, start.astype(numpy.int32)), shape=(users, items))
model = implicit.als.AlternatingLeastSquares(factors=arguments.factors, regularization=0.01, alpha=2.0, dtype=numpy.float32,
                                             use_gpu=False, iterations=arguments.iterations, num_threads=arguments.threads,
                                             random_state=1)
seconds = []
last = None


def after(iteration, elapsed, *_):
    seconds.append(elapsed)


model.fit(matrix, show_progress=False, callback=after)
print(f"implicit {implicit.__version__}, {users} users x {items} items, {len(item)} interactions, {arguments.factors} factors:",
      " ".join(f"{s:.3f} s" for s in seconds))
