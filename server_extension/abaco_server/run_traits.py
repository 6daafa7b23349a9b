"""The traits of AbacoApp about how executions run: where, with what, and how many workers."""

import os
from typing import Any

from traitlets import Bool, Dict, Float, HasTraits, Integer, List, Unicode, default, validate

from abaco_jupyter.wire import limits


class RunTraits(HasTraits):
    """`c.AbacoApp.<name>`, as all others."""

    runner = Unicode(
        "auto",
        help="""What runs executions: `docker` (a container each), `process` (a subprocess each;
        no isolation boundary), or `auto`: docker when an engine answers, else process.""",
    ).tag(config=True)

    capacity = Integer(help="Executions that run at the same time, of all actors together.").tag(
        config=True
    )

    drain_seconds = Float(
        5.0,
        help="""How long a stopping server waits for running executions. Those that take longer
        run on and are taken up again after the next start.""",
    ).tag(config=True)

    memory_limit = Unicode(
        "",
        help="Memory of an execution whose actor sets no memLimit, such as `2g`; empty: none.",
    ).tag(config=True)

    max_cpus = Float(
        0.0, help="CPUs of an execution whose actor sets no maxCpus; 0: no limit."
    ).tag(config=True)

    pids_limit = Integer(512, help="Processes and threads of one execution.").tag(config=True)

    max_run_seconds = Float(
        0.0, help="An execution that runs for longer is stopped like a halt; 0: no limit."
    ).tag(config=True)

    mounts = List(
        Unicode(),
        help="""Directories of this machine in the containers of all actors, as
        `host:container:mode` with the mode `ro` or `rw`: `/work/{username}:/work:rw`. In either
        path stand `{username}`, `{tenant_id}` and `{home}` (the home directory of the user's
        account on this machine; TACC's `{tasdir}` is the same). They are filled in for whoever
        makes or updates the actor, and a mount is left out for a user without an account, or
        whose name cannot be a directory's. Only the docker runner has mounts.""",
    ).tag(config=True)

    privileged_mounts = List(
        Unicode(),
        help="""More mounts for privileged actors, which also get the engine's socket as
        `/var/run/docker.sock`.""",
    ).tag(config=True)

    run_as_owner = Bool(
        False,
        help="""Containers run with the uid and gid of their owner's account on this machine
        instead of the image's user. Who has no account gets `actor_uid`; if that is not set
        either, they can make no actors but with useContainerUid. An actor that is there takes
        this up with its next update. Only the docker runner can do it.""",
    ).tag(config=True)

    actor_uid = Integer(
        None,
        allow_none=True,
        help="Containers run with this uid instead of the image's user.",
    ).tag(config=True)

    actor_gid = Integer(
        None, allow_none=True, help="The gid that goes with `actor_uid`, which it is by default."
    ).tag(config=True)

    base_image = Unicode(
        "",
        help="""Base of images built from cells that name no base of their own; it needs Python
        and pip. Empty: this project's own base when it is here, else the official slim Python
        image of the kernel's version.""",
    ).tag(config=True)

    max_workers = Integer(
        limits.MAX_WORKERS, help="Workers of an actor that sets no maxWorkers of its own."
    ).tag(config=True)

    worker_idle_seconds = Float(
        60.0, help="A worker of a stateless actor that had no work for this long leaves."
    ).tag(config=True)

    lease_seconds = Float(
        60.0,
        help="""How long a message stays on loan to a worker that gives no sign of life. Renewed
        three times in this period.""",
    ).tag(config=True)

    sync_idle_seconds = Float(
        600.0,
        help="""The one idle worker that the hint `sync` keeps, so that a synchronous message
        finds one, leaves when it had no work for this long.""",
    ).tag(config=True)

    worker_ttl_seconds = Float(
        86_400.0,
        help="""Any worker, a stateful actor's too, leaves when it had no work for this long;
        negative: never.""",
    ).tag(config=True)

    autoscaler_seconds = Float(
        5.0,
        min=0.1,
        help="""Period of the autoscaler. Messages do not wait for it: it finds what no event has
        told.""",
    ).tag(config=True)

    health_check_seconds = Float(30.0, min=0.1, help="Period of the workers' health checks.").tag(
        config=True
    )

    max_cmd_length = Integer(
        12, min=1, help="Workers of one queue that are on their way (pull an image) at once."
    ).tag(config=True)

    queues = List(
        Unicode(),
        default_value=["default", "special"],
        help="Names that an actor's `queue` may have; `default` must be among them.",
    ).tag(config=True)

    queue_capacity = Dict(
        value_trait=Integer(min=1),
        key_trait=Unicode(),
        help="""Executions that run at the same time, of all actors of a queue, such as
        `{"special": 2}`. Whatever it says, all queues together stay within `capacity`.""",
    ).tag(config=True)

    warm_containers = Integer(
        8,
        min=0,
        help="""Containers that are started before their message and wait for it, for all actors
        together: a message then runs within milliseconds. An actor has one or more while it gets
        messages; its hint `warm:N` says how many. About 4 MB each; 0: none ever waits.""",
    ).tag(config=True)

    warm_idle_seconds = Float(
        60.0, min=0.0, help="No container waits for an actor that had no message for this long."
    ).tag(config=True)

    reuse_idle_seconds = Float(
        60.0,
        min=0.0,
        help="""A container that serves many executions (hint `reuse`) is removed when it had none
        for this long.""",
    ).tag(config=True)

    reuse_executions = Integer(
        100_000,
        min=1,
        help="""Executions after which such a container gives way to a new one, which bounds what
        they leave in it.""",
    ).tag(config=True)

    reuse_memory = Integer(
        512 * 1024**2,
        min=0,
        help="""Bytes by which the interpreter that stays in such a container may grow before it
        gives way to a new one.""",
    ).tag(config=True)

    @default("capacity")
    def _default_capacity(self) -> int:
        return max(16, 8 * (os.cpu_count() or 1))

    @validate("capacity", "max_workers", "pids_limit")
    def _positive(self, proposal: Any) -> int:
        if proposal["value"] < 1:
            raise ValueError(
                f"AbacoApp.{proposal['trait'].name} is {proposal['value']}; it must be 1 or more"
            )
        return int(proposal["value"])

    @validate("mounts", "privileged_mounts")
    def _are_mounts(self, proposal: Any) -> Any:
        if proposal["value"]:
            # Jupyter's start waits for what this module imports: for the store only where it must.
            from abaco_server.service import placement

            for text in proposal["value"]:
                placement.parse(text)
        return proposal["value"]

    @validate("actor_uid", "actor_gid")
    def _account(self, proposal: Any) -> int | None:
        value: int | None = proposal["value"]
        if value is not None and value < 0:
            raise ValueError(f"AbacoApp.{proposal['trait'].name} is {value}; it must be 0 or more")
        return value

    @validate("queues")
    def _known_queues(self, proposal: Any) -> list[str]:
        queues: list[str] = proposal["value"]
        if "default" not in queues:
            raise ValueError(
                f"AbacoApp.queues is {queues}; it must name 'default', which actors have that "
                "choose none"
            )
        return queues

    @validate("queue_capacity")
    def _of_known_queues(self, proposal: Any) -> dict[str, int]:
        bounded: dict[str, int] = proposal["value"]
        if unknown := sorted(bounded.keys() - set(self.queues)):
            raise ValueError(
                f"AbacoApp.queue_capacity names {unknown}, which AbacoApp.queues does not: "
                f"{self.queues}"
            )
        return bounded
