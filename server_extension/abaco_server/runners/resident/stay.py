"""One resident interpreter, while this service uses it."""

import asyncio
import contextlib
import itertools
import os
import secrets
from collections.abc import Awaitable, Callable, Collection, Container, Sequence, Set
from datetime import timedelta
from pathlib import Path

from abaco_jupyter.wire.limits import MAX_PAYLOAD
from abaco_server.model.task import Ended, FailureKind, Group, Member, RunFailed
from abaco_server.runners import directory
from abaco_server.runners.mailbox import MAX_EXCEPTION, Unreadable, open_plain, read_plain
from abaco_server.runners.protocol import GroupWatch
from abaco_server.runners.resident import frames, paper
from abaco_server.runners.resident.journal import Journal, Record
from abaco_server.runners.resident.line import Line
from abaco_server.runners.resident.turn import Pending, Turn
from abaco_server.runners.threads import Threads

JOURNAL, LOG = "journal", "log"
MAX_LOG = 4_200_000
"""Bytes of one execution's log that count (`abaco_runtime.resident.worker.MAX_LOG`)."""
_SOON = 0.1
"""Seconds after which an execution is told to run."""
_LOOK = 0.2
_AT_ONCE = 1 << 20
"""Bytes of log and results that are told together."""
_FULL = 16 << 20
"""Journal and log begin anew before a group once one of them has grown to this."""
_SLACK = timedelta(seconds=5)

Why = Callable[[], Awaitable[str]]


class Stay:
    def __init__(self, path: Path, threads: Threads, grace: timedelta) -> None:
        self.path = path
        self.line = Line(self._ring)
        self.container_id = ""
        self.image_id: str | None = None
        self.executions = 0
        """That it has run."""
        self.memory = (0, 0)
        """Bytes that it used at first, and before its last group."""
        self.turn: Turn | None = None
        self.magic = secrets.token_bytes(8)
        self._threads = threads
        self._grace = grace
        self._bell = asyncio.Event()
        self._ended = asyncio.Event()
        self._number = 0
        self._told: str | None = None
        """The execution that was told to run, and up to where its log was told."""
        self._log_told = 0
        self._seen, self._seen_at = (0, 0), 0.0
        """Group and execution whose turn it was, and since when."""
        self._files: list[int] = []
        self._journal: Journal | None = None
        self._messages: Set[Path] = set()
        self._asked: dict[int, tuple[list[int], asyncio.Future[list[str]]]] = {}
        """Requests to withdraw some, by their number."""
        self._requests = itertools.count(1)

    def _ring(self) -> None:
        self._bell.set()

    # ---- its directory -----------------------------------------------------------------------

    def lay_out(self) -> None:
        """Blocking."""
        directory.make(self.path)
        os.symlink("out/e/message", self.path / directory.MESSAGE)
        os.symlink("out/results.sock", self.path / "results.sock")
        out = self.path / directory.OUT
        for name in (JOURNAL, LOG):
            (out / name).touch()
            (out / name).chmod(0o666)
        self.open()

    def open(self, offset: int = 0) -> None:
        """Kept open: what user code puts in their place is not looked at."""
        out = self.path / directory.OUT
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        for name in (JOURNAL, LOG):
            self._files.append(os.open(out / name, flags))
        self._files.append(os.open(self.path / paper.FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
        self._journal = Journal(self._files[0], self.magic, offset)

    def close(self) -> None:
        """The interpreter is left alone: it runs its group to the end."""
        self.line.close()
        for file in self._files:
            os.close(file)
        self._files = []

    @property
    def journal_file(self) -> int:
        return self._files[0]

    @property
    def gone(self) -> bool:
        return self.line.gone

    # ---- a group -----------------------------------------------------------------------------

    async def run(
        self,
        group: Group,
        members: Sequence[Member],
        watch: GroupWatch,
        why: Why,
        withdrawn: Container[str],
    ) -> list[str]:
        """The ids of those that have not begun when the interpreter is gone. `why` says what became
        of it; `withdrawn` are not to be run."""
        if self._messages or any(isinstance(one.binary, Path) or one.files for one in members):
            await self._share_messages(members)
        members = [one for one in members if one.execution_id not in withdrawn]
        self._number += 1
        assert self._journal is not None
        if max(self._journal.offset, os.fstat(self._files[1]).st_size) > _FULL:
            self._begin_anew()
        self.turn = Turn(self._number, [member.execution_id for member in members])
        try:
            self._note(group)
            self.line.send(frames.run(group, members, self._number, self._grace))
            await self.follow(self.turn, watch, why)
            return self.turn.left
        finally:
            self.executions += self.turn.told
            for asked in self._asked.values():
                if not asked[1].done():
                    asked[1].set_result([])
            self._asked.clear()
            self._remember_memory(self.turn.memory)
            self.turn = None
            self._tell_waiting()

    async def follow(self, turn: Turn, watch: GroupWatch, why: Why) -> None:
        """Tell what becomes of it, until all have ended or the interpreter is gone."""
        self._told = None
        while not turn.over:
            is_gone = self.gone
            self._bell.clear()
            self.line.looked()
            if await self._look(turn, watch):
                self._tell_waiting()
                continue
            if is_gone:
                return await self._break_off(turn, watch, why)
            if turn.now_running is not None and self._is_long(turn):
                await self._tell_live(turn, watch)
            await self._rest(turn)

    async def _rest(self, turn: Turn) -> None:
        wait = _LOOK if self._told == turn.now_running else _SOON
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._bell.wait()

    async def _break_off(self, turn: Turn, watch: GroupWatch, why: Why) -> None:
        """The interpreter is gone: the execution whose turn it was had begun."""
        for indexes, asked in self._asked.values():
            asked.set_result(turn.give_up(indexes))
        self._asked.clear()
        if turn.now_running is None:
            return
        failure = RunFailed(FailureKind.INTERNAL, await why(), started=True)
        await self._tell_begin(turn, watch)
        size = os.fstat(self._files[1]).st_size
        log = self._log(turn.now_running, turn.log, size)
        await watch.ended([turn.break_off(failure, log)])

    def _tell_waiting(self) -> None:
        self._ended.set()
        self._ended = asyncio.Event()

    # ---- looking into journal and log --------------------------------------------------------

    async def _look(self, turn: Turn, watch: GroupWatch) -> bool:
        """Whether there was anything new."""
        assert self._journal is not None
        records = self._journal.read()
        ended: list[Ended] = []
        size = 0
        for record, body in records:
            if not turn.is_ours(record):
                continue
            end = await self._take(turn, record, body, watch)
            if end is None:
                continue
            ended.append(end)
            size += len(end.log) + sum(len(result) for _, result in end.results)
            if size > _AT_ONCE:
                await watch.ended(ended)
                ended, size = [], 0
        if ended:
            await watch.ended(ended)
        return bool(records)

    async def _take(
        self, turn: Turn, record: Record, body: bytes, watch: GroupWatch
    ) -> Ended | None:
        if record.k == "b":
            turn.arrive(record)
            return None
        if record.k == "w":
            ids = turn.withdraw(record.ix, known=record.n != 0)
            if (asked := self._asked.pop(record.n, None)) is not None:
                asked[1].set_result(ids)
            return None
        if record.k in ("r", "s", "x"):
            await self._take_part(turn, record, body, watch)
            return None
        if record.k != "e":
            return None
        execution_id = turn.members[record.i]
        if record.a:
            turn.pending(record.i).keep(body)
        return turn.end(record, self._log(execution_id, record.l0, record.l1))

    async def _take_part(self, turn: Turn, record: Record, body: bytes, watch: GroupWatch) -> None:
        pending, execution_id = turn.pending(record.i), turn.members[record.i]
        if record.f is not None:
            try:
                await self._take_file(pending, record, watch, execution_id)
            except Unreadable as error:
                pending.notes.append(f"abaco: {record.f} is dropped: {error}\n")
        elif record.k == "r":
            pending.keep(body)
            if pending.size > _AT_ONCE or self._told == execution_id:
                await _tell_results(pending, watch, execution_id)
        else:
            pending.set(record.k, body)

    async def _take_file(
        self, pending: Pending, record: Record, watch: GroupWatch, execution_id: str
    ) -> None:
        """Raises Unreadable."""
        out, name, limit = self.path / directory.OUT, record.f or "", MAX_PAYLOAD
        if "/" in name:
            raise Unreadable("it is not in the directory of results")
        if record.k != "r":
            pending.set(record.k, await self._threads.call(read_plain, out, name, MAX_EXCEPTION))
        else:
            with await self._threads.call(open_plain, out, name, limit) as file:
                await _tell_results(pending, watch, execution_id)
                await watch.result(execution_id, pending.next_key(), file)
        await self._threads.call(_unlink, [out / name])

    def _log(self, execution_id: str, begin: int, end: int) -> bytes:
        """What was not told of it yet."""
        end = min(end, begin + MAX_LOG)
        if self._told == execution_id:
            begin = max(begin, self._log_told)
        return os.pread(self._files[1], end - begin, begin) if end > begin else b""

    # ---- one that runs for a while -----------------------------------------------------------

    def _is_long(self, turn: Turn) -> bool:
        return self._told == turn.now_running or self._seconds(turn) > _SOON

    def _seconds(self, turn: Turn) -> float:
        """Since nothing has ended, by our own clock."""
        now = asyncio.get_running_loop().time()
        if self._seen != (turn.number, turn.current):
            self._seen, self._seen_at = (turn.number, turn.current), now
        return now - self._seen_at

    async def _tell_begin(self, turn: Turn, watch: GroupWatch) -> None:
        execution_id = turn.now_running
        assert execution_id is not None
        assert turn.since is not None
        if self._told != execution_id:
            self._told, self._log_told = execution_id, turn.log
            await watch.started(execution_id, turn.since)
            await _tell_results(turn.pending(turn.current), watch, execution_id)

    async def _tell_live(self, turn: Turn, watch: GroupWatch) -> None:
        await self._tell_begin(turn, watch)
        execution_id = turn.now_running
        assert execution_id is not None
        size = os.fstat(self._files[1]).st_size
        while chunk := self._log(execution_id, turn.log, min(size, self._log_told + _AT_ONCE)):
            self._log_told += len(chunk)
            await watch.log(execution_id, chunk)

    # ---- ending it ---------------------------------------------------------------------------

    def has(self, execution_id: str) -> bool:
        """It was given to it with the present group, whatever became of it since."""
        return self.turn is not None and execution_id in self.turn.members

    def runs(self, execution_id: str) -> bool:
        return self.turn is not None and execution_id in self.turn.members[self.turn.current :]

    async def halt(self, execution_id: str, grace: timedelta) -> bool:
        """False: the interpreter does not answer, and has to be killed."""
        turn = self.turn
        if turn is None or not self.runs(execution_id):
            return True
        index = turn.members.index(execution_id)
        self.line.send(frames.halt(turn.number, index, grace))
        # One whose turn comes later ends then.
        patience = grace + _SLACK
        while self.turn is turn and index >= turn.current:
            is_current = index == turn.current
            try:
                async with asyncio.timeout(patience.total_seconds()):
                    await self._ended.wait()
            except TimeoutError:
                if is_current and index == turn.current:
                    return False
        return True

    async def withdraw(self, execution_ids: Collection[str]) -> list[str]:
        """Those of them that never will run."""
        turn = self.turn
        if turn is None:
            return []
        wanted = [
            index
            for index in range(turn.current, len(turn.members))
            if turn.members[index] in execution_ids
        ]
        if not wanted:
            return []
        number = next(self._requests)
        asked: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._asked[number] = (wanted, asked)
        self.line.send(frames.withdraw(turn.number, number, wanted))
        return await asked

    # ---- small things ------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        """Nothing is written there between two groups."""
        assert self._journal is not None
        for file in self._files:
            os.ftruncate(file, 0)
        self._journal.restart()

    def _note(self, group: Group) -> None:
        assert self.turn is not None
        assert self._journal is not None
        paper.write(
            self._files[2],
            paper.Paper(
                number=self._number,
                container_id=self.container_id,
                actor_id=group.place.actor_id,
                worker_id=group.worker_id,
                image=group.place.image,
                magic=self.magic.hex(),
                members=self.turn.members,
                journal=self._journal.offset,
            ),
        )

    async def _share_messages(self, members: Sequence[Member]) -> None:
        """What many executions have in common is there once, and stays for the next group."""
        wanted: dict[Path, Path] = {}
        for member in members:
            wanted.update((self.path / file.name, file) for file in member.files)
            if member.text is None and isinstance(member.binary, Path):
                wanted[self.path / frames.file_name(member)] = member.binary
        await self._threads.call(_unlink, [one for one in self._messages if one not in wanted])
        for path in wanted.keys() - self._messages:
            await self._threads.call(directory.share, wanted[path], path)
        self._messages = wanted.keys()

    def _remember_memory(self, now: int) -> None:
        self.memory = (self.memory[0] or now, now)


async def _tell_results(pending: Pending, watch: GroupWatch, execution_id: str) -> None:
    for key, result in pending.take_results():
        await watch.result(execution_id, key, result)


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
