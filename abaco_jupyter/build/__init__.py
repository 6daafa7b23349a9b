"""From a cell or a function to a BuildSpec: what to build, not how."""

from abaco_jupyter.build.cell import CellError, CellSyntaxError, from_cell
from abaco_jupyter.build.environment import Environment
from abaco_jupyter.build.function import from_function

__all__ = ["CellError", "CellSyntaxError", "Environment", "from_cell", "from_function"]
