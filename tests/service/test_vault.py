"""Secrets at rest."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from abaco_server.service.vault import Vault, digest


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "key"
    sealed = Vault.open(file).seal("à secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert "secret" not in sealed
    assert Vault.open(file).unseal(sealed) == "à secret"


def test_what_another_key_has_sealed_stays_closed() -> None:
    assert Vault.ephemeral().unseal(Vault.ephemeral().seal("x")) is None
    assert Vault.ephemeral().unseal("nonsense") is None


def test_services_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        vaults = list(pool.map(Vault.open, [tmp_path / "key"] * 8))
    assert {vault.unseal(vaults[0].seal("x")) for vault in vaults} == {"x"}


def test_a_digest_is_of_any_text() -> None:
    assert digest("DEV_x") == digest("DEV_x") != digest("DEV_y")
    assert len(digest("\udcff\0")) == 64
