"""The server imports the package at each start, and logs an extension that is slow to import."""

import subprocess
import sys

_PROGRAM = """
import sys, time
began = time.process_time()
import abaco_jupyter
took = time.process_time() - began
heavy = ("docker", "dask", "ipywidgets", "tornado", "IPython", "httpx", "msgspec", "cloudpickle")
print(took, ",".join(name for name in heavy if name in sys.modules) or "nothing")
"""


def _run(program: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def test_importing_the_package_is_cheap_and_brings_in_nothing_heavy() -> None:
    seconds = []
    for _ in range(5):  # the quickest: whatever else this machine does only adds to it
        took, heavy = _run(_PROGRAM).split()
        assert heavy == "nothing"
        seconds.append(float(took))
    assert min(seconds) < 0.1


def test_every_public_name_is_there() -> None:
    program = "import abaco_jupyter as a; print([n for n in a.__all__ if not hasattr(a, n)])"
    assert _run(program) == "[]"


def test_an_unknown_name_is_an_attribute_error() -> None:
    program = "import abaco_jupyter as a; print(hasattr(a, '_jupyter_server_extension_paths'))"
    assert _run(program) == "False"


def test_the_client_needs_no_ipython() -> None:
    program = (
        "import sys; from abaco_jupyter import Abaco, Actor, Execution; "
        "print('IPython' in sys.modules)"
    )
    assert _run(program) == "False"
