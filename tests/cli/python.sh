#!/usr/bin/env bash
# The Python package (bindings/python): its unittest files, with a Python that has numpy (LOREC_PYTHON, or Debian's).
set -u
build=$(dirname "$LOREC_BIN")
if ! grep -q '^LOREC_PYTHON_INCLUDE:PATH=/' "$build/CMakeCache.txt"; then
    echo "SKIPPED: Python's headers are not here (python3-dev)"
    exit 0
fi
for python in ${LOREC_PYTHON:-} /usr/bin/python3 python3; do
    "$python" -c 'import sys, numpy; assert sys.version_info >= (3, 11)' 2>/dev/null && break
    python=""
done
[ -n "$python" ] || { echo "SKIPPED: no Python 3.11 with numpy is here (python3-numpy)"; exit 0; }
"$python" -c 'import pandas' 2>/dev/null || echo "SKIPPED: tests of DataFrames: pandas is not here (python3-pandas)"
cmake --build "$build" --target lorec_python >/dev/null || { echo "FAILED: the package does not build"; exit 1; }
if grep -q 'LOREC_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then # the interpreter is not built with it
    export LD_PRELOAD="$(${CC:-gcc} -print-file-name=libasan.so) $(${CC:-gcc} -print-file-name=libubsan.so)"
    export ASAN_OPTIONS=detect_leaks=0 LOREC_SANITIZED=1
fi
export PYTHONPATH="$build/python:$LOREC_SOURCE_DIR/tests/python" PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=error
exec "$python" -m unittest discover -s "$LOREC_SOURCE_DIR/tests/python" -p "${1:-test_*.py}" -v
