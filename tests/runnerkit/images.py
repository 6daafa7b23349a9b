"""Small images for the tests of the docker runner, built once a session and removed after it."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.dockerfile import context, render
from abaco_server.runners.docker import connect
from abaco_server.runners.docker.engine import Engine

BASE = "abaco-jupyter/python:3.11"
JOB = (Path(__file__).parent / "job.py").read_bytes()

STAGE = "abaco.test.stage"
"""Label of an earlier stage of a build, which the engine would keep."""


def build(engine: Engine, dockerfile: str, files: Mapping[str, bytes] | None = None) -> str:
    """The name of the new image. Nothing is fetched."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, body in {**(files or {}), "Dockerfile": dockerfile.encode()}.items():
            facts = tarfile.TarInfo(name)
            facts.size = len(body)
            facts.mode = 0o755
            archive.addfile(facts, io.BytesIO(body))
    buffer.seek(0)
    name = f"abaco-test-{uuid4().hex[:12]}:latest"
    said = []
    for line in engine.client.build(
        fileobj=buffer, custom_context=True, tag=name, rm=True, forcerm=True, decode=True
    ):
        said.append(line.get("stream", ""))
        assert "error" not in line, "".join(said) + line["error"]
    return name


@contextmanager
def built(dockerfile: str, files: Mapping[str, bytes] | None = None) -> Iterator[str]:
    engine = connect()
    try:
        name = build(engine, dockerfile, files)
        try:
            yield name
        finally:
            engine.client.remove_image(name, force=True)
            for stage in engine.client.images(filters={"label": STAGE, "dangling": True}):
                engine.client.remove_image(stage["Id"])
    finally:
        engine.close()


def job_image() -> AbstractContextManager[str]:
    """Runs `job.py`; by its label it reads long texts from the message file."""
    dockerfile = f"""
        FROM {BASE}
        LABEL abaco.runtime=test
        COPY job.py /job.py
        CMD ["python3", "/job.py"]
    """
    return built(dockerfile, {"job.py": JOB})


@contextmanager
def runtime_image(source: str, entry: str | None = None) -> Iterator[str]:
    """Our runtime of today with an actor's module, as the builder makes it."""
    spec = BuildSpec(source=source, entry=entry)
    dockerfile = render(spec, BASE, revision="test")
    engine = connect()
    try:
        name = f"abaco-test-{uuid4().hex[:12]}:latest"
        said = []
        for line in engine.client.build(
            fileobj=io.BytesIO(context(spec, dockerfile)),
            custom_context=True,
            tag=name,
            rm=True,
            forcerm=True,
            decode=True,
        ):
            said.append(line.get("stream", ""))
            assert "error" not in line, "".join(said) + line["error"]
        try:
            yield name
        finally:
            engine.client.remove_image(name, force=True)
    finally:
        engine.close()
