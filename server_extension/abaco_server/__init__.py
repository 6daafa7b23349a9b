"""The server side of abaco-jupyter: the way of a message. READ THIS FIRST.

A message comes in over HTTP, waits on disk, runs in a container, and its outcome is told to
whoever listens. Seven stops, one package each, one verb each:

    1 web        translate   MessagesHandler.post    HTTP to a call; decides nothing
    2 service    decide      Messages.send           who may, what it means, what is refused
    3 queue      keep        submit / lease / ack    on disk before the client hears 200
    4 workers    assign      machine.step, Pool      which worker takes which message, when
    5 runners    run         Runner.run              a container or a subprocess, to its end
    6 outcomes   record      Ledger.finish           execution, results, log, event, ack: at once
    7 events     tell        Outbox.deliver, Hub     streams, links, webhooks

Two steps are atomic, each one transaction: 2 -> 3 (execution row and queue row) and 6 -> 7
(execution, log, outbox row, ack). Anything may die between them: a lease that nobody renews and
the outbox bring it back, and a container that outlived the server is found by its labels.

Off the way: `cron` (a clock that sends), `builds` (an image is made before there is an actor),
`store` (what survives), `model` (what may be true), `metrics` (what operators watch), `assemble`
(makes the parts and joins them), `app` (what Jupyter sees of it; the traits are in
`service_traits` and `run_traits`), `life` (its start and stop behind the open port), `host` (which
of several servers hosts the service).

What both ends must agree on is `abaco_jupyter.wire`, the only thing imported from there.
"""
