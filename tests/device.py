"""A security key in software, for tests: it makes passkeys and signs with them (WebAuthn)."""

import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

_PRESENT = AuthenticatorData.FLAG.UP


class SoftwareKey:
    """Answers as a browser does; `origin` is the page that it believes to be on."""

    def __init__(self, origin: str = "https://lethe.example.org") -> None:
        self.origin = origin
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count = 0

    def create(self, options: Any) -> str:
        """Make a passkey; return what a page sends of it."""
        self.count += 1
        public = ES256.from_cryptography_key(self.key.public_key())
        made = AttestedCredentialData.create(bytes(16), self.id, public)
        data = AuthenticatorData.create(
            _digest(options["rp"]["id"]), _PRESENT | AuthenticatorData.FLAG.AT, self.count, made
        )
        attested = AttestationObject.create("none", data, {})
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", options["challenge"]),
            attestationObject=bytes(attested),
        )

    def get(self, options: Any) -> str:
        """Sign what is asked; return what a page sends of it."""
        self.count += 1
        data = AuthenticatorData.create(_digest(options["rpId"]), _PRESENT, self.count)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signed = bytes(data) + hashlib.sha256(client_data).digest()
        return self._answer(
            clientDataJSON=client_data,
            authenticatorData=bytes(data),
            signature=self.key.sign(signed, ec.ECDSA(hashes.SHA256())),
        )

    def _client_data(self, kind: str, challenge: Any) -> bytes:
        text = challenge if isinstance(challenge, str) else websafe_encode(challenge)
        made = {"type": kind, "challenge": text, "origin": self.origin, "crossOrigin": False}
        return json.dumps(made).encode()

    def _answer(self, **parts: bytes) -> str:
        name = websafe_encode(self.id)
        response = {part: websafe_encode(value) for part, value in parts.items()}
        given = {"id": name, "rawId": name, "type": "public-key", "response": response}
        return json.dumps(given | {"clientExtensionResults": {}})


def _digest(domain: str) -> bytes:
    return hashlib.sha256(domain.encode()).digest()
