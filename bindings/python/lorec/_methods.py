"""What can be run."""

from __future__ import annotations

import json
from typing import Any

from . import _core


def methods() -> dict[str, dict[str, Any]]:
    """Every method by its key: family, title, cite, tasks, needs, and its options with type, bounds, default and help.

    >>> lorec.methods()["ease"]["title"]
    """
    listed = json.loads(_core.methods_json())["methods"]
    return {m["key"]: m for m in listed}
