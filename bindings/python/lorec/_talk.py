"""What lorec says: lines go to Python's logging, progress to whoever asked."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Optional, Union

from . import _core

Progress = Callable[[str, float, float, str, str], object]
"""Called with what is done, how much of it, of how much, the unit, and a note ("loss 0.12"); an exception stops the work."""

_LEVELS = {1: logging.WARNING, 2: logging.INFO, 3: logging.DEBUG}
_logger = logging.getLogger("lorec")


def _log(level: int, line: str) -> None:
    _logger.log(_LEVELS.get(level, logging.INFO), "%s", line)


_core.set_log(_log)


def set_threads(n: int) -> None:
    """Computes with n threads from now on. At first: LOREC_THREADS, else OMP_NUM_THREADS, else all cores."""
    _core.set_threads(n)


def threads() -> int:
    """How many threads compute."""
    return _core.threads()


def show_progress(what: str, done: float, total: float, unit: str, note: str) -> None:
    """A line on stderr: rewritten in place on a terminal, once in 30 seconds elsewhere. `progress=True` means this."""
    now = time.monotonic()
    terminal = sys.stderr.isatty()
    if not terminal and now - _shown[0] < 30:
        return
    _shown[0] = now
    share = f"{100 * done / total:3.0f}%" if total > 0 else ""
    line = f"{what}  {done:.0f}/{total:.0f} {unit} {share} {note}".rstrip()
    sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if done >= total else "") if terminal else line + "\n")
    sys.stderr.flush()


_shown = [float("-inf")]


def told(progress: Union[None, bool, Progress]) -> Optional[Progress]:
    """What a `progress` argument means: None and False nobody, True a line on stderr, or a callable."""
    if progress is None or progress is False:
        return None
    return show_progress if progress is True else progress
