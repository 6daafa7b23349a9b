"""Live views: widgets that follow executions, actors and the whole server.

The kernel reads one event stream for each server (`feed`), keeps what it tells (`board`), and
sends the browser what changed, at most ten times a second (`view`). Nothing prints, so nothing
lands in the wrong cell; a page that is loaded again, Voila too, gets all from the kernel.
"""
