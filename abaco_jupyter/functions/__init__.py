"""From what a cell or a function says of itself to an actor that can be called.

functions/
  options.py         what one may say, the same in `%%abaco_actor` and `@actor`
  checks.py          the values of options, each refused before anything is built
  making.py          build, register, and what comes after
  sharing.py         that is: secrets, rights, schedules
  retrying.py        lines that make an actor's function try again
  calls.py           calls of an actor's own function
  here.py            an actor's function, run in this process
  function_actor.py  what `%%abaco_actor` binds to its name
  decorator.py       `@actor`
"""
