"""The server imports the package at each start, and logs an extension that is slow to import."""

import subprocess
import sys

_PROGRAM = """
import sys
import abaco_jupyter
heavy = ("docker", "dask", "ipywidgets", "tornado", "IPython", "httpx", "msgspec", "cloudpickle")
print(",".join(name for name in heavy if name in sys.modules) or "nothing")
"""


def _run(program: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def test_importing_the_package_brings_in_nothing_heavy() -> None:
    assert _run(_PROGRAM) == "nothing"


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
