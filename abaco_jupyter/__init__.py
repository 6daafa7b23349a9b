"""Functions as a service inside the notebook server.

>>> %load_ext abaco_jupyter
>>> from abaco_jupyter import Abaco
>>> Abaco().actors()

Importing this package is cheap: everything below is imported when it is first used, because the
notebook server imports it at each start and logs an extension that is slow to import.
"""

from typing import TYPE_CHECKING, Any

from abaco_jupyter.executor.joblib_name import register as _register_with_joblib

if TYPE_CHECKING:
    from abaco_jupyter.client.actor import Actor
    from abaco_jupyter.client.agavepy import agavepy_client
    from abaco_jupyter.client.errors import (
        AgavepyUnavailable,
        ExecutionError,
        ExecutionFailed,
        ExecutionLost,
        RemoteError,
        RemoteTraceback,
        ServerNotFound,
        ServerUnreachable,
    )
    from abaco_jupyter.client.execution import Execution
    from abaco_jupyter.client.resources import Abaco
    from abaco_jupyter.executor.executor import AbacoExecutor
    from abaco_jupyter.executor.future import AbacoFuture
    from abaco_jupyter.functions.decorator import ActorFunction, actor
    from abaco_jupyter.show.report import Report, report
    from abaco_jupyter.show.views.actor import ActorView
    from abaco_jupyter.show.views.calls import MapProgress
    from abaco_jupyter.show.views.dashboard import Dashboard
    from abaco_jupyter.show.views.execution import ExecutionView
    from abaco_jupyter.show.views.executions import ExecutionsTable
    from abaco_jupyter.wire.errors import (
        AbacoError,
        ActorNotFound,
        BuildFailed,
        InvalidRequest,
        InvalidSpec,
        NotAuthorized,
        NotFound,
        Unavailable,
    )

    __version__: str

__all__ = [
    "Abaco",
    "AbacoError",
    "AbacoExecutor",
    "AbacoFuture",
    "Actor",
    "ActorFunction",
    "ActorNotFound",
    "ActorView",
    "AgavepyUnavailable",
    "BuildFailed",
    "Dashboard",
    "Execution",
    "ExecutionError",
    "ExecutionFailed",
    "ExecutionLost",
    "ExecutionView",
    "ExecutionsTable",
    "InvalidRequest",
    "InvalidSpec",
    "MapProgress",
    "NotAuthorized",
    "NotFound",
    "RemoteError",
    "RemoteTraceback",
    "Report",
    "ServerNotFound",
    "ServerUnreachable",
    "Unavailable",
    "__version__",
    "actor",
    "agavepy_client",
    "load_ipython_extension",
    "report",
    "unload_ipython_extension",
]

_CLIENT_ERRORS = (
    "AgavepyUnavailable",
    "ExecutionError",
    "ExecutionFailed",
    "ExecutionLost",
    "RemoteError",
    "RemoteTraceback",
    "ServerNotFound",
    "ServerUnreachable",
)
_WIRE_ERRORS = (
    "AbacoError",
    "ActorNotFound",
    "BuildFailed",
    "InvalidRequest",
    "InvalidSpec",
    "NotAuthorized",
    "NotFound",
    "Unavailable",
)
_HOMES = {
    "Abaco": "abaco_jupyter.client.resources",
    "AbacoExecutor": "abaco_jupyter.executor.executor",
    "AbacoFuture": "abaco_jupyter.executor.future",
    "ActorView": "abaco_jupyter.show.views.actor",
    "Dashboard": "abaco_jupyter.show.views.dashboard",
    "ExecutionView": "abaco_jupyter.show.views.execution",
    "ExecutionsTable": "abaco_jupyter.show.views.executions",
    "MapProgress": "abaco_jupyter.show.views.calls",
    "Actor": "abaco_jupyter.client.actor",
    "ActorFunction": "abaco_jupyter.functions.decorator",
    "actor": "abaco_jupyter.functions.decorator",
    "Execution": "abaco_jupyter.client.execution",
    "Report": "abaco_jupyter.show.report",
    "agavepy_client": "abaco_jupyter.client.agavepy",
    "report": "abaco_jupyter.show.report",
    **dict.fromkeys(_CLIENT_ERRORS, "abaco_jupyter.client.errors"),
    **dict.fromkeys(_WIRE_ERRORS, "abaco_jupyter.wire.errors"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("abaco-jupyter")
    elif name in _HOMES:
        from importlib import import_module

        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Jupyter's hook: this server extension is an `ExtensionApp` of the server side."""
    from abaco_server.app import AbacoApp

    return [{"module": "abaco_server.app", "app": AbacoApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Lab's hook: `jupyter labextension develop` links the panel from here."""
    return [{"src": "labextension", "dest": "abaco_jupyter"}]


def load_ipython_extension(shell: Any) -> None:
    """IPython's hook for `%load_ext abaco_jupyter`: registers `%%abaco_actor` and `%abaco`."""
    from abaco_jupyter.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """IPython's hook for `%unload_ext abaco_jupyter`."""
    from abaco_jupyter.magics import unload

    unload(shell)


_register_with_joblib()
