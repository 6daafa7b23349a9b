"""What the process around the actor's function does: log, exit code, signals, module."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from actor_process import ActorProcess

VERSIONS = Path.home() / ".pyenv" / "versions"


def other_pythons():
    return [str(p) for v in ("3.8", "3.13") for p in VERSIONS.glob(f"{v}.*/bin/python")]


def test_prints_are_the_log_and_the_returned_value_the_result(tmp_path):
    ran = ActorProcess(
        tmp_path,
        """
        import sys
        def f(text):
            print("counting")
            print("to two", file=sys.stderr)
            return {"words": len(text.split())}
        """,
    ).run("a b")
    assert (ran.code, ran.out, ran.err) == (0, "counting\n", "to two\n")
    assert ran.bodies == [b'{"words": 2}']


def test_none_is_no_result(tmp_path):
    assert ActorProcess(tmp_path, "def f(): pass").run().bodies == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_line_is_out_before_the_function_ends(tmp_path, stream):
    actor = ActorProcess(
        tmp_path, f"import sys\ndef f():\n    print('now', file=sys.{stream})\n    input()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(actor.command(), env=actor.environment(), **pipes) as process:
        assert getattr(process, stream).readline() == b"now\n"
        process.communicate(b"\n")
    assert process.returncode == 0


def test_what_cannot_be_utf8_does_not_stop_a_print(tmp_path):
    ran = ActorProcess(tmp_path, "def f(): print('\\udcff ä')").run(LC_ALL="POSIX")
    assert (ran.code, ran.out) == (0, "\\udcff ä\n")


def test_a_script_runs_as_it_is(tmp_path):
    source = """
    import sys
    from abaco_runtime import get_context, send_bytes_result
    if __name__ == "__main__":
        print(get_context().raw_message, sys.argv == [__file__])
        send_bytes_result(b"raw")
    """
    ran = ActorProcess(tmp_path, source, entry=None).run("hello")
    assert (ran.code, ran.out, ran.err) == (0, "hello True\n", "")
    assert ran.bodies == [b"raw"]


def test_files_beside_the_actor_can_be_imported_and_opened(tmp_path):
    actor = ActorProcess(tmp_path, "import beside\ndef f(): return beside.N, open('d').read()")
    (actor.app / "beside.py").write_text("N = 4")
    (actor.app / "d").write_text("data")
    assert actor.run().results == [(4, "data")]


def test_an_exception_shows_the_cells_own_lines_and_nothing_of_ours(tmp_path):
    actor = ActorProcess(tmp_path, "def f(text):\n    return int(text)\n")
    ran = actor.run("many")
    assert ran.code == 1
    assert ran.err == (
        "Traceback (most recent call last):\n"
        f'  File "{actor.source}", line 2, in f\n'
        "    return int(text)\n"
        "           ^^^^^^^^^\n"
        "ValueError: invalid literal for int() with base 10: 'many'\n"
    )
    assert ran.exception["traceback"] == ran.err


def test_an_exception_in_the_module_itself(tmp_path):
    actor = ActorProcess(tmp_path, "x = 1 / 0\n")
    ran = actor.run("m")
    assert ran.code == 1
    assert f'File "{actor.source}", line 1, in <module>' in ran.err
    assert "abaco_runtime" not in ran.err
    assert ran.exception["type"] == "ZeroDivisionError"


def test_a_syntax_error_names_its_line(tmp_path):
    ran = ActorProcess(tmp_path, "def f(:\n").run("m")
    assert ran.code == 1
    assert "line 1" in ran.err
    assert ran.exception["type"] == "SyntaxError"


def test_a_function_that_is_not_there(tmp_path):
    ran = ActorProcess(tmp_path, "def g(): pass").run("m")
    assert ran.code == 1
    assert ran.err == "NameError: the actor's module defines no function 'f'\n"


@pytest.mark.parametrize(
    ("ending", "code", "err"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('no')", 1, "no\n"),
        ("exit(3)", 3, ""),
    ],
)
def test_sys_exit_is_respected(tmp_path, ending, code, err):
    ran = ActorProcess(tmp_path, f"import sys\ndef f(): {ending}").run("m")
    assert (ran.code, ran.err, ran.exception) == (code, err, None)


def test_sigterm_ends_it_at_once_and_finally_runs(tmp_path):
    actor = ActorProcess(
        tmp_path,
        """
        import time
        def f():
            try:
                print("up")
                time.sleep(60)
            finally:
                print("cleared")
        """,
    )
    with subprocess.Popen(
        actor.command(), env=actor.environment(), stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.read() == b"cleared\n"
    assert process.returncode == 143


def test_what_the_user_installed_wins_over_what_we_bring(tmp_path):
    actor = ActorProcess(tmp_path, "import cloudpickle\ndef f(): return cloudpickle.WHOSE")
    theirs = tmp_path / "site"
    ours = tmp_path / "opt"
    for home in (theirs, ours):
        home.mkdir()
        (home / "cloudpickle.py").write_text(f"WHOSE = {home.name!r}")
    import abaco_runtime

    (ours / "abaco_runtime").symlink_to(Path(abaco_runtime.__file__).parent)
    ran = actor.run(PYTHONPATH=f"{ours}:{theirs}")
    assert ran.results == ["site"]


def test_classes_of_the_cell_travel_by_value(tmp_path):
    source = """
    class Point:
        def __init__(self, x): self.x = x
        def double(self): return 2 * self.x
    def f(text): return Point(int(text))
    """
    [point] = ActorProcess(tmp_path, source).run("4").results
    assert point.double() == 8


def test_child_processes_can_be_spawned(tmp_path):
    source = """
    import multiprocessing
    def square(x): return x * x
    def f():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.map(square, [1, 2, 3])
    """
    assert ActorProcess(tmp_path, source).run().results == [[1, 4, 9]]


@pytest.mark.parametrize("python", other_pythons())
def test_other_pythons(tmp_path, python):
    source = """
    import sys
    class Odd(Exception): pass
    def f(text: str, n=1):
        print(sys.version_info[:2])
        if text == "bad": raise Odd(text)
        return {"text": text, "set": {1}}
    """
    actor = ActorProcess(tmp_path, source)
    assert actor.run("hi", python=python).results == [{"text": "hi", "set": {1}}]
    ran = actor.run("bad", python=python)
    assert (ran.code, ran.exception["type"]) == (1, "Odd")
    assert ran.exception["pickle"]


def test_heavy_modules_stay_out_of_the_start(tmp_path):
    source = """
    import sys
    HEAVY = ["asyncio", "inspect", "ast", "socket", "urllib.request", "traceback", "cloudpickle"]
    def f(text): return [name for name in HEAVY if name in sys.modules]
    """
    actor = ActorProcess(tmp_path, source)
    assert actor.run("hello", python=sys.executable).results == [[]]
