"""make_wheel.py PACKAGE SOURCE OUT: zips the built package into OUT/lorec-VERSION-cp311-abi3-linux_MACHINE.whl.

A wheel is a zip with a folder of metadata (https://packaging.python.org/en/latest/specifications/binary-distribution-format/);
nothing is compiled here, so that no build system but CMake is needed. The extension goes in stripped.
"""

import base64
import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import zipfile

METADATA = """Metadata-Version: 2.1
Name: lorec
Version: {version}
Summary: Recommenders of the LLM era and the classics, under one evaluator; language models; in C
License: Apache-2.0
Requires-Python: >=3.11
Requires-Dist: numpy
Provides-Extra: pandas
Requires-Dist: pandas; extra == "pandas"
Classifier: License :: OSI Approved :: Apache Software License
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: C
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

{readme}"""
WHEEL = """Wheel-Version: 1.0
Generator: lorec scripts/wheel
Root-Is-Purelib: false
Tag: {tag}
"""


def stripped(path):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "stripped")
        subprocess.run(["strip", "--strip-unneeded", "-o", out, path], check=True)
        with open(out, "rb") as f:
            return f.read()


def contents(package, source, version, tag):
    for name in sorted(os.listdir(package)):
        path = os.path.join(package, name)
        if name.endswith(".so"):
            yield f"lorec/{name}", stripped(path)
        elif name.endswith((".py", ".pyi", "py.typed")):
            with open(path, "rb") as f:
                yield f"lorec/{name}", f.read()
    info = f"lorec-{version}.dist-info"
    with open(os.path.join(source, "docs", "python.md"), encoding="utf-8") as f:
        yield f"{info}/METADATA", METADATA.format(version=version, readme=f.read()).encode()
    with open(os.path.join(source, "LICENSE"), "rb") as f:
        yield f"{info}/LICENSE", f.read()
    yield f"{info}/WHEEL", WHEEL.format(tag=tag).encode()


def main(package, source, out):
    with open(os.path.join(source, "CMakeLists.txt"), encoding="utf-8") as f:
        version = re.search(r"project\(lorec VERSION ([0-9.]+)", f.read()).group(1)
    tag = f"cp311-abi3-linux_{platform.machine()}"
    record = []
    with zipfile.ZipFile(os.path.join(out, f"lorec-{version}-{tag}.whl"), "w", zipfile.ZIP_DEFLATED) as z:

        def add(name, data):
            entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))  # the same bytes from the same build
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name.endswith(".so") else 0o644) << 16
            z.writestr(entry, data)

        for name, data in contents(package, source, version, tag):
            add(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{name},sha256={digest},{len(data)}\n")
        name = f"lorec-{version}.dist-info/RECORD"
        add(name, ("".join(record) + f"{name},,\n").encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
