"""Record what came back: each ending is one transaction. Nobody is notified here."""

from abaco_server.outcomes.record import add_result, fail, finish

__all__ = ["add_result", "fail", "finish"]
