"""Containers that are started before their message (DESIGN.md, "Warm and cold").

One message, one container, as ever, unless the actor says otherwise; but the container is there
already and waits on a socket, in a program of ours (images/starter/starter.c), for the
environment of its message.

    pool     how many wait for whom; `take` one           spare    one of them, until its message
    demand   how many an actor needs                      mark     where its log ends
    claim    what an heir must know of one in use         starter  the program's file
    runs     an execution there, to its end; then, where the actor lets containers serve many
             executions (`Isolation`), the next one
"""
