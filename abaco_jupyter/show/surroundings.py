"""Where output goes: a notebook's cell, a terminal, or a test that compares it."""

import os
import sys
import threading


def is_plain() -> bool:
    """Whether `ABACO_PLAIN=1` asks for text that is the same in every run: no ids, no times."""
    return os.environ.get("ABACO_PLAIN", "") not in ("", "0")


def in_notebook() -> bool:
    """Whether output can be HTML that changes later: this is a kernel."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def in_cell() -> bool:
    """Whether what is displayed now lands in the cell that runs, and may be HTML: a thread does
    not know its cell."""
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and in_notebook() and not is_plain()
