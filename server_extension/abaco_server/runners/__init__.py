"""Fifth stop: run. One execution is one container, or one process where there is no engine.

protocol    what every runner promises        choose     which one is used
directory   an execution's host directory     mailbox    what user code sends out of it
docker      containers                        process    subprocesses
fake        scripted runs for tests
"""
