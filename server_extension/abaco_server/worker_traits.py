"""The traits of AbacoApp about workers and queues. A part of `app`."""

from typing import Any

from traitlets import Dict, Float, HasTraits, Integer, List, Unicode, validate

from abaco_jupyter.wire import limits


class WorkerTraits(HasTraits):
    """`c.AbacoApp.<name>`, as all others."""

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
