"""The types that the package states: mypy, where it is installed, finds nothing in strict mode, and sees them from outside."""

import importlib.util
import os
import subprocess
import sys
import unittest

import lorec
from support import Fresh

SEEN = """
import lorec
data = lorec.Dataset("sample")
reveal_type(data.n_users)
reveal_type(lorec.run("pop", data).model("pop").recommend(history=["a"], k=1)[0].score)
reveal_type(lorec.Recommender("ease", l2=1).fit(data))
lorec.Recommender(3)
"""


@unittest.skipUnless(importlib.util.find_spec("mypy"), "mypy is not here")
class Types(Fresh):
    def mypy(self, *words):
        folder = os.path.dirname(os.path.dirname(lorec.__file__))
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", *words], capture_output=True, text=True,
                              env={**os.environ, "MYPYPATH": "" if folder.endswith("-packages") else folder})

    def test_the_package_itself(self):
        said = self.mypy("-p", "lorec")
        self.assertEqual(said.returncode, 0, said.stdout + said.stderr)

    def test_from_outside(self):
        with open("seen.py", "w") as f:
            f.write(SEEN)
        said = self.mypy("seen.py").stdout
        for words in ('"int"', '"float"', 'Recommender"', 'incompatible type "int"'):
            self.assertIn(words, said)
        self.assertIn("Found 1 error", said)


if __name__ == "__main__":
    unittest.main()
