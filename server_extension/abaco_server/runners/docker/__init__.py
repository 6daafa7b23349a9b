"""Executions as containers of a Docker engine, or of one that answers as it does (Podman)."""

from abaco_server.runners.docker.engine import Engine, connect
from abaco_server.runners.docker.runner import DockerRunner

__all__ = ["DockerRunner", "Engine", "connect"]
