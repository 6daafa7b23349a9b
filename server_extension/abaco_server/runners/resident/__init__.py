"""Groups of executions in one resident interpreter (`abaco_runtime.resident`), as the server
sees it. The interpreter may be in a container or a process of this host; what both share is a
directory:

    agent.sock   control and bell                 `line`
    groups       what an heir must know           `paper`
    out/journal  what happened                    `journal`
    out/log      stdout and stderr                `stay`
    m-*          messages that are files          `stay`

`turn` makes ends of what the journal says; `stay` sees groups through.
"""
