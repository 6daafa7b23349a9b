"""`%%abaco_actor` and `%abaco`."""

from typing import Any


def load(shell: Any) -> None:
    """Register the magics in an IPython shell."""
    from abaco_jupyter.magics.registry import AbacoMagics
    from abaco_jupyter.show.tracebacks import hide_in_all_errors

    hide_in_all_errors()
    shell.register_magics(AbacoMagics(shell))


def unload(shell: Any) -> None:
    """Remove what `load` registered."""
    from abaco_jupyter.magics.registry import AbacoMagics

    found = shell.magics_manager.registry.pop(AbacoMagics.__name__, None)
    for kind, names in AbacoMagics.magics.items():
        for name in names:
            shell.magics_manager.magics[kind].pop(name, None)
    if found is not None:
        found.detach()
