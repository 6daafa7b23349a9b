"""A BuildSpec as a Dockerfile and as a tar archive."""

import io
import tarfile

import pytest

from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds import runtime
from abaco_server.builds.dockerfile import context, render

SPEC = BuildSpec(source="def f(): pass\n", entry="f", pip=("numpy<2",), apt=("git", "g++"))


def lines(spec=SPEC, base="base:1", **more):
    return render(spec, base, revision="r1", **more).splitlines()


def test_the_whole_file():
    spec = BuildSpec(source="x", entry="f", pip=("numpy<2",), env={"B": "2", "A": "1"})
    assert render(spec, "base:1", revision="r1") == (
        "FROM base:1\n"
        "COPY abaco /opt/abaco\n"
        'RUN ["python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",'
        ' "/opt/abaco"]\n'
        'RUN ["env", "PIP_ROOT_USER_ACTION=ignore", "PIP_DISABLE_PIP_VERSION_CHECK=1", "python",'
        ' "-m", "pip", "install", "--no-cache-dir", "numpy<2"]\n'
        "COPY app /app\n"
        "WORKDIR /app\n"
        'ENV PYTHONPATH="/opt/abaco/abaco_runtime/startup${PYTHONPATH:+:$PYTHONPATH}:/opt/abaco"\n'
        'ENV A="1"\n'
        'ENV B="2"\n'
        'ENV _abaco_entry="f"\n'
        f'LABEL abaco.runtime="r1" abaco.digest="{spec.digest()}" abaco.resident="1"\n'
        "ENTRYPOINT []\n"
        'CMD ["python", "-m", "abaco_runtime"]\n'
    )


def test_no_shell_reads_a_package():
    [pip] = [line for line in lines() if "pip" in line]
    assert pip.startswith('RUN ["')
    assert pip.endswith(', "numpy<2"]')
    [apt] = [line for line in lines() if "apt-get" in line]
    assert apt.endswith('"apt", "git", "g++"]')
    assert r"install -y --no-install-recommends \"$@\" &&" in apt


def test_values_of_variables_are_taken_literally():
    spec = BuildSpec(source="", env={"A": 'a "b" $HOME \\'})
    assert 'ENV A="a \\"b\\" \\$HOME \\\\"' in lines(spec)


def test_our_directory_comes_after_the_users_own():
    spec = BuildSpec(source="", env={"PYTHONPATH": "/mine"})
    assert [line for line in lines(spec) if "PYTHONPATH" in line] == [
        'ENV PYTHONPATH="/opt/abaco/abaco_runtime/startup:/mine:/opt/abaco"'
    ]


def test_a_base_with_its_own_user_gets_it_back():
    found = [line for line in lines(user="jovyan") if line.startswith("USER")]
    assert found == ["USER root", "USER jovyan"]
    text = "\n".join(lines(user="jovyan"))
    assert text.index("apt-get") < text.index("USER jovyan") < text.index('"pip"')


def test_a_script_has_no_entry():
    assert "_abaco_entry" not in "\n".join(lines(BuildSpec(source="print(1)")))


@pytest.mark.parametrize(("fields", "there"), [({}, False), ({"base": "b"}, True)])
def test_a_source_that_the_server_cannot_compile_is_compiled_in_the_image(fields, there):
    text = "\n".join(lines(BuildSpec(source="", **fields)))
    assert ("/app/actor.py" in text) is there


def archive(spec):
    with tarfile.open(fileobj=io.BytesIO(context(spec, "FROM x\n"))) as opened:
        members = opened.getmembers()
        return {m.name: (m, opened.extractfile(m).read() if m.isfile() else None) for m in members}


def test_the_context_holds_dockerfile_runtime_and_app():
    spec = BuildSpec(source="print('ä')", files={"d/e/x.bin": b"\0", "run.sh": b"#!/bin/sh\n"})
    found = archive(spec)
    assert found["Dockerfile"][1] == b"FROM x\n"
    assert found["app/actor.py"][1] == "print('ä')".encode()
    assert found["app/d/e/x.bin"][1] == b"\0"
    assert {"abaco/abaco_runtime/__main__.py", "abaco/cloudpickle/__init__.py"} <= set(found)
    assert {name for name, (m, _) in found.items() if m.isdir()} >= {"app/d", "app/d/e", "abaco"}
    assert found["app/run.sh"][0].mode == 0o755
    assert found["app/actor.py"][0].mode == 0o644


def test_equal_specs_give_equal_bytes():
    one = BuildSpec(source="x", files={"a": b"1", "b": b"2"})
    two = BuildSpec(source="x", files={"b": b"2", "a": b"1"})
    assert context(one, "F") == context(two, "F")
    assert {m.mtime for m, _ in archive(one).values()} == {0}


def test_the_revision_depends_on_the_facts_and_is_stable():
    assert runtime.revision("a") == runtime.revision("a")
    assert runtime.revision("a") != runtime.revision("b")
    assert len(runtime.revision("a")) == 12
