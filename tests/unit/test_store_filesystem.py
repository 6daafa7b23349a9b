"""Which file system a database would stand on."""

from pathlib import Path

import pytest

from abaco_server.store.machinery.filesystem import NETWORK, filesystem, on_network

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:50 / /home rw,relatime shared:2 master:3 - nfs4 server:/home rw,vers=4.2
31 30 254:1 / /home/ann/local rw,relatime - xfs /dev/vdb rw
32 22 0:51 / /mnt/with\040blank rw - fuse.sshfs ann@host:/ rw
33 22 0:52 / /twice rw - tmpfs tmpfs rw
34 33 0:53 / /twice rw - cifs //host/share rw
""".strip()


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/lib", "ext4", False),
        ("/home/ann/.local/share", "nfs4", True),
        ("/home/ann/local/data", "xfs", False),
        ("/homestead", "ext4", False),
        ("/mnt/with blank/x", "fuse.sshfs", True),
        ("/twice", "cifs", True),
        ("/", "ext4", False),
    ],
)
def test_the_deepest_and_last_mount_counts(path: str, kind: str, network: bool) -> None:
    assert filesystem(Path(path), MOUNTS) == kind
    assert on_network(Path(path), MOUNTS) is network


def test_nobody_says() -> None:
    assert filesystem(Path("/x"), "") is None
    assert not on_network(Path("/x"), "")


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    assert filesystem(Path("/proc")) in (None, "proc")
    assert filesystem(tmp_path) not in NETWORK


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "lustre"])
def test_the_usual_network_file_systems_are_known(kind: str) -> None:
    assert kind in NETWORK
