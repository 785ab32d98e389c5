"""docs/python.md, top to bottom: what stands there is run."""

import contextlib
import io
import os
import re
import unittest

import lorec
from support import Fresh, unigram

try:
    import pandas
except ImportError:
    pandas = None

SOURCE = os.environ.get("LOREC_SOURCE_DIR") or os.path.join(os.path.dirname(__file__), "..", "..")


@unittest.skipUnless(pandas, "pandas is not here")
class Docs(Fresh):
    def test_every_example(self):
        with open(os.path.join(SOURCE, "docs", "python.md")) as f:
            blocks = re.findall(r"^```python\n(.*?)^```", f.read(), re.M | re.S)
        self.assertGreater(len(blocks), 6)
        unigram("models/tiny")
        names, out = {}, io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            for i, block in enumerate(blocks):
                exec(compile(block, f"docs/python.md, example {i + 1}", "exec"), names)
        said = out.getvalue()
        for text in ("1500 600 38949", 'did you mean "sasrec"?', "that is enough", "bbbb", "ndcg@10 low"):
            self.assertIn(text, said)

    def test_every_public_name_has_words(self):
        for name in lorec.__all__:
            thing = getattr(lorec, name)
            self.assertTrue(thing.__doc__, name)
            for member, value in vars(thing).items() if isinstance(thing, type) else ():
                if not member.startswith("_") and (callable(value) or isinstance(value, (property, classmethod))):
                    self.assertTrue(getattr(thing, member).__doc__ or value.__doc__, f"{name}.{member}")


if __name__ == "__main__":
    unittest.main()
