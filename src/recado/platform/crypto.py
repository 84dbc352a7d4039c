"""Sealing of providers' credentials, random tokens, and their hashes."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any, cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from recado.domain.errors import Unavailable


class SecretsUnreadable(Unavailable):
    code = "secrets_unreadable"
    sentence = (
        "Stored credentials cannot be opened with the present RECADO_SECRET_KEY. "
        "Set the key with which they were sealed; several may stand separated by commas."
    )


class KeyUnusable(Unavailable):
    code = "secret_key_unusable"
    sentence = (
        "RECADO_SECRET_KEY is no key: it takes 32 random bytes in url-safe base64. 'recado up' "
        "makes one, in the file secret.key of its home."
    )


class Sealer:
    """Seals dictionaries of credentials; the first key seals, all open (rotation)."""

    def __init__(self, keys: str) -> None:
        """Keys are Fernet keys separated by commas, the newest first."""
        names = [key.strip() for key in keys.split(",") if key.strip()]
        try:
            self._fernet = MultiFernet([Fernet(name) for name in names])
        except ValueError as error:
            raise KeyUnusable from error
        self.session_secret = hashlib.sha256(b"session:" + names[0].encode()).hexdigest()

    def seal(self, values: Mapping[str, Any]) -> bytes:
        return self._fernet.encrypt(json.dumps(dict(values)).encode())

    def open(self, sealed: bytes) -> dict[str, Any]:
        """The dictionary that was sealed; raises SecretsUnreadable under another key."""
        try:
            return cast("dict[str, Any]", json.loads(self._fernet.decrypt(sealed)))
        except InvalidToken as error:
            raise SecretsUnreadable from error


def new_key() -> str:
    """A fresh key for a Sealer."""
    return Fernet.generate_key().decode()


def random_token(length: int = 32) -> str:
    """A URL-safe random token of about 4/3 of the given number of bytes."""
    return secrets.token_urlsafe(length)


def digest(token: str) -> bytes:
    """What is kept of a random token. Not for passwords: those are people's, and short."""
    return hashlib.sha256(token.encode()).digest()


def matches(token: str, expected: bytes) -> bool:
    """Whether a token has this digest, in constant time."""
    return hmac.compare_digest(digest(token), expected)
