"""Wait for an execution while somebody looks on, or until it fails."""

from typing import Any

from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.show import ansi
from abaco_jupyter.show.progress import open_view


def watched_result(execution: Execution) -> Any:
    """The result, after the log was shown in the cell as it grew."""
    __tracebackhide__ = True
    view = open_view(execution.actor.title)
    try:
        execution.wait(listener=view)
    except BaseException as error:
        why = str(error).partition("\n")[0].removeprefix(f"{execution.title} ")
        view.close(why or type(error).__name__, failed=True)
        raise
    failed = execution.failure() is not None
    view.close(ending(execution.known), failed=failed)
    return execution.result()


def quiet_result(execution: Execution) -> Any:
    """The result; when the actor's code raised, its exception carries the end of the log."""
    __tracebackhide__ = True
    try:
        return execution.result()
    except Exception as error:
        if isinstance(error.__cause__, RemoteTraceback):
            printed = _without(execution.log_tail, error.__cause__.text)
            if printed.strip():
                error.add_note(f"It had printed:\n{printed.rstrip()}")
        raise


def ending(record: dict[str, Any]) -> str:
    """How it ended, in two or three words."""
    status = str(record.get("status", ""))
    code = record.get("exitCode")
    return status if code in (0, None) else f"{status}, exit code {code}"


def _without(log: str, traceback: str) -> str:
    text = ansi.to_text(log).rstrip()
    return text.removesuffix(traceback.rstrip())
