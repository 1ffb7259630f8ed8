"""Seals secrets with a key that lies in a file beside the database, never in it, or that a cluster gives its nodes.

Whoever gets the database alone, its log or a page of it, reads no secret; whoever gets the folder reads all of them.

The file has the key in hexadecimal digits, and after it a line `NAME DIGITS` for each secret of the node that was there
before the key. Other secrets of the node follow from the key and their name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
import threading
from pathlib import Path

from nightbus.store.folder import sync_folder

KEY_FILE = "vault.key"
SIGNING = "signing"  # the name of the secret that signs what the node hands out
_KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "1:"  # AES-256-GCM, the nonce first, in base64


class VaultClosed(Exception):
    """The key is missing, or is not the one with which this was sealed; the text names no secret."""


class Vault:
    """`folder` None keeps the key in memory, for what does not outlive the process. May be used from any thread.

    `key`: that of a cluster, 32 bytes, which is not written anywhere.
    """

    def __init__(self, folder: Path | None = None, *, key: bytes = b"") -> None:
        self._file = None if folder is None else folder / KEY_FILE
        self._key = key
        self._kept: dict[str, bytes] = {}
        self._loading = threading.Lock()

    def seal(self, secret: bytes) -> str:
        """Makes the key where there is none yet."""
        # The library is imported where it is used: most nodes keep no such secrets.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(self._load(make=True)).encrypt(nonce, secret, None)
        return _FORM + base64.b64encode(sealed).decode()

    def open(self, sealed: str) -> bytes:
        """Raises VaultClosed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._load(make=False)
        try:
            data = base64.b64decode(sealed.removeprefix(_FORM), validate=True)
            return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as wrong:
            raise VaultClosed(f"{self._name()} does not open what was sealed") from wrong

    def keyed(self, name: str) -> bytes:
        """Return the node's own secret of that name, 32 bytes, always the same. Makes the key where there is none yet.

        Raises VaultClosed for a file that holds no key.
        """
        key = self._load(make=True)
        return self._kept.get(name) or hmac.digest(key, b"nightbus:" + name.encode(), hashlib.sha256)

    def keep(self, name: str, secret: bytes) -> None:
        """Take over a secret of the node that an earlier release kept elsewhere: on disk, before this returns."""
        key = self._load(make=True)
        self._kept[name] = secret
        self._write(key)

    def _name(self) -> str:
        return "the key in memory" if self._file is None else str(self._file)

    def _load(self, make: bool) -> bytes:
        with self._loading:
            if not self._key:
                self._key = self._read() or (self._make() if make else b"")
            if not self._key:
                raise VaultClosed(f"{self._name()} is missing")
            return self._key

    def _read(self) -> bytes:
        if self._file is None:
            return b""
        try:
            first, *more = self._file.read_text("ascii").splitlines() or [""]
            key = bytes.fromhex(first)
            self._kept = {
                name: bytes.fromhex(digits) for name, _, digits in (one.partition(" ") for one in more)
            }
        except FileNotFoundError:
            return b""
        except (OSError, ValueError) as unreadable:
            raise VaultClosed(f"{self._file} cannot be read as a key") from unreadable
        if len(key) != _KEY_BYTES:
            raise VaultClosed(f"{self._file} holds no key of {_KEY_BYTES} bytes")
        return key

    def _make(self) -> bytes:
        """On disk, whole and readable by nobody else, before anything is sealed with it."""
        key = secrets.token_bytes(_KEY_BYTES)
        self._write(key)
        return key

    def _write(self, key: bytes) -> None:
        if self._file is None:
            return
        lines = [key.hex(), *(f"{name} {secret.hex()}" for name, secret in self._kept.items())]
        descriptor, name = tempfile.mkstemp(prefix=f".{KEY_FILE}.", dir=self._file.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write("".join(f"{line}\n" for line in lines))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(self._file.parent)
