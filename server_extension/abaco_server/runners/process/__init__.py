"""Executions as subprocesses, for a machine without an engine. This is no isolation boundary:
user code runs as the server's own user and sees its files."""

from abaco_server.runners.process.place import ProcessLimits
from abaco_server.runners.process.runner import ProcessRunner

__all__ = ["ProcessLimits", "ProcessRunner"]
