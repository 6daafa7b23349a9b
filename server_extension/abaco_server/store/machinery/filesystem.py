"""Which file system a path is on: SQLite's WAL needs shared memory, which no network has."""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

# fmt: off
NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "fhgfs",
        "fuse.beegfs", "fuse.ceph", "fuse.cephfs", "fuse.gcsfuse", "fuse.glusterfs",
        "fuse.goofys", "fuse.juicefs",
        "fuse.mfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.smbnetfs", "gfs", "gfs2",
        "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2",
        "orangefs", "panfs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf",
        "virtiofs", "wekafs",
    }
)
# fmt: on


def filesystem(path: Path, mountinfo: str | None = None) -> str | None:
    """The type, as `mount` names it; None where nobody says (not Linux)."""
    if mountinfo is None:
        if not _MOUNTS.exists():
            return None
        mountinfo = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    there = path.resolve()
    found: tuple[int, str] | None = None
    for line in mountinfo.splitlines():
        mount, kind = _parse(line)
        # A later line for the same directory lies over the earlier one.
        if there.is_relative_to(mount) and (found is None or len(mount.parts) >= found[0]):
            found = (len(mount.parts), kind)
    return found[1] if found else None


def on_network(path: Path, mountinfo: str | None = None) -> bool:
    return filesystem(path, mountinfo) in NETWORK


def _parse(line: str) -> tuple[Path, str]:
    """`36 35 98:0 /root /mount\\040point rw,noatime master:1 - ext3 /dev/root rw` (man 5 proc)."""
    before, _, after = line.partition(" - ")
    escaped = before.split(" ")[4]
    mount = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), escaped)
    return Path(mount), after.split(" ")[0]
