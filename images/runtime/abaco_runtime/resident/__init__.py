"""An interpreter that stays in its container and runs many executions, one after the other.

The server sends groups of executions; what becomes of them stands in two files of the directory
that it shares with the container, so that nothing is lost when the server dies meanwhile.

    supervisor  the first process: takes groups, starts and watches workers, ends what is over
                its time; runs no code of the actor's
    worker      a process that runs a group, or makes one for each execution
    execution   the environment, message and results of one of them
    job         a group as it came
    share       what supervisor and worker see of one another
    memory      how much is in use
    journal     what is on record, and the bell that tells the server to look

    journal  one frame for each thing that happened, see `journal`     in out/
    log      stdout and stderr of all executions, one after the other  in out/
    results.sock  datagrams of code that sends results so              in out/
    e/       `_abaco_dir` of executions                                in out/
"""
