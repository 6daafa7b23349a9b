"""From what a cell or a function says of itself to an actor that can be called.

options.py    what one may say, the same in `%%abaco_actor` and `@actor`, and what is refused
checks.py     the values of options, each refused before anything is built
making.py     build, register, and what comes after: secrets, rights, schedules
sharing.py    those that come after
retrying.py   lines that make an actor's function try again
here.py       an actor's function, run in this process
cell_actor.py what `%%abaco_actor` binds to its name
calls.py      calls of an actor's own function: `map`, `starmap`, `spawn`
decorator.py  `@actor`
"""
