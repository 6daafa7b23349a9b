"""From the settings to what each part has to know of them. A piece of `assemble`."""

import logging
from functools import partial

from abaco_server.outcomes.record import LogLifetime
from abaco_server.service import ServiceConfig, placement
from abaco_server.settings import Settings
from abaco_server.store import logs
from abaco_server.workers.context import parse_memory
from abaco_server.workers.policy import Policy, PoolConfig
from abaco_server.workers.runs import RunLimits

log = logging.getLogger(__name__)


def log_lifetime(settings: Settings) -> LogLifetime:
    return partial(logs.lifetime, default=settings.log_lifetime, most=settings.max_log_lifetime)


def policy(settings: Settings) -> Policy:
    return Policy(
        capacity=settings.capacity,
        queue_capacity=settings.queue_capacity,
        max_starting=settings.max_cmd_length,
        idle=settings.worker_idle,
        sync_idle=settings.sync_idle,
        worker_ttl=settings.worker_ttl,
    )


def pool(settings: Settings) -> PoolConfig:
    return PoolConfig(
        max_workers=settings.max_workers,
        lease=settings.lease,
        autoscaler=settings.autoscaler,
        health_check=settings.health_check,
        policy=policy(settings),
    )


def run_limits(settings: Settings) -> RunLimits:
    return RunLimits(
        timeout=settings.max_run,
        memory=parse_memory(settings.memory_limit),
        nano_cpus=settings.nano_cpus,
    )


def service(settings: Settings, runner: str) -> ServiceConfig:
    return ServiceConfig(
        tenant=settings.tenant,
        max_binary_message=settings.max_binary_message,
        queues=settings.queues,
        max_workers=settings.max_workers,
        placement=_placement(settings, runner),
        token_default=settings.token_default,
        execution_token_scope=settings.execution_token_scope,
    )


def _placement(settings: Settings, runner: str) -> placement.Placement:
    asked = settings.mounts or settings.privileged_mounts or settings.run_as_owner
    if runner == "process" and (asked or settings.actor_uid is not None):
        log.warning(
            "The process runner has no mounts and runs everything as this server's own user: "
            "AbacoApp.mounts, run_as_owner and actor_uid take effect with the docker runner only"
        )
    return placement.Placement(
        mounts=tuple(map(placement.parse, settings.mounts)),
        privileged_mounts=tuple(map(placement.parse, settings.privileged_mounts)),
        run_as_owner=settings.run_as_owner,
        uid=settings.actor_uid,
        gid=settings.actor_gid,
    )
