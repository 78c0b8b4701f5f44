"""Certificates for tests, made by ``openssl``: an authority and servers that it signs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requires

CONFIGURATION = """
[ca]
default_ca = authority
[authority]
dir = {folder}
database = $dir/index.txt
serial = $dir/serial
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
policy = anything
copy_extensions = copy
unique_subject = no
[anything]
commonName = supplied
"""


@dataclass(frozen=True)
class Pair:
    """A server's certificate and its key, PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority in a folder of its own; ``certificate`` is what clients trust."""

    def __init__(self, folder: Path) -> None:
        self._openssl = requires.program("openssl", package="openssl")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "ca.pem"
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
        self._run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", folder / "ca.key", "-out", self.certificate, "-days", "2"),
            *("-subj", f"/CN=Dreamport test authority {folder.name}"),
        )

    def server(self, name: str, hosts: str, valid_days: float = 1.0) -> Pair:
        """A server's certificate for ``hosts`` ("IP:127.0.0.1,DNS:localhost"), from two days ago until
        ``valid_days`` from now.
        """
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        now = datetime.now(UTC)
        begin, end = now - timedelta(days=2), now + timedelta(days=valid_days)
        self._run(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", pair.key, "-out", request, "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName={hosts}"),
        )
        self._run(
            *("ca", "-config", self._folder / "openssl.cnf", "-batch", "-notext"),
            *("-startdate", f"{begin:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}"),
            *("-in", request, "-out", pair.certificate),
        )
        return pair

    def _run(self, *arguments: str | Path) -> None:
        result = subprocess.run([self._openssl, *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
