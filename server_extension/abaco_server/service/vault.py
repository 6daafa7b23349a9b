"""Secrets at rest: what the service must show or use again, but nobody shall read in a database.

A stolen or shared copy of the database is worth nothing without the key, which is a file of its
own beside it (mode 0600).
"""

import hashlib
import hmac
import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from cryptography.fernet import Fernet, InvalidToken


class Vault:
    """Seals and marks texts with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._fernet = Fernet(key)

    @classmethod
    def ephemeral(cls) -> "Vault":
        """With a key that is gone with this object."""
        return cls(Fernet.generate_key())

    @classmethod
    def open(cls, file: Path) -> "Vault":
        """With the key in `file`, which is made if it is not there.

        Written aside and linked into place: of two services that start at once, both end up with
        the same key, and a key that is half written is never read.
        """
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor, fresh = mkstemp(dir=file.parent, prefix=f"{file.name}.")
            with os.fdopen(descriptor, "wb") as out:
                out.write(Fernet.generate_key())
                out.flush()
                os.fsync(descriptor)
            # The other service may be first: then its key holds.
            with suppress(FileExistsError):
                os.link(fresh, file)
            os.unlink(fresh)
        return cls(file.read_bytes())

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str | None:
        """None for what was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def mark(self, text: str) -> str:
        """64 hexadecimal digits that nobody without the key can make for this text."""
        return hmac.new(self._key, text.encode("utf-8", "replace"), "sha256").hexdigest()


def digest(secret: str) -> str:
    """By which a credential is found. Ids of nonces have 65 random bits, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
