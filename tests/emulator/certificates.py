"""The certificates that clients of the stand-in trust: an authority of its own, kept in its folder.

The host's name is known before TLS begins (it stands in the CONNECT line), so every host gets a
certificate of its own name when it is asked for; a wildcard would not reach over two labels.
"""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

import trustme


class Certificates:
    """An authority and the TLS contexts of the hosts it vouches for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.authority = folder / "authority.pem"
        key = folder / "authority.key"
        if not key.exists():
            made = trustme.CA()
            made.cert_pem.write_to_path(self.authority)
            made.private_key_pem.write_to_path(key)
        self._ca = trustme.CA.from_pem(self.authority.read_bytes(), key.read_bytes())
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def context(self, host: str) -> ssl.SSLContext:
        """Give what a server needs to be `host`."""
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._ca.issue_cert(host).configure_cert(context)
                self._contexts[host] = context
            return self._contexts[host]

    def files(self, name: str, *hosts: str) -> tuple[Path, Path]:
        """Write a certificate chain and its key as PEM files, for a server that reads those."""
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        issued = self._ca.issue_cert(*hosts)
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key
