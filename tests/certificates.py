"""Certificates for the tests, made anew each time: an authority, a server, a client, and a stranger's authority."""

import subprocess
from pathlib import Path

from servers import program

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")


def certificates(folder: Path) -> None:
    """Make `ca.pem`, `server.pem` for localhost, `me.pem` for a client, each with its `.key`, and `stranger.pem`.

    All may be read by the account of a server that drops its privileges.
    """
    _authority(folder, "ca")
    _authority(folder, "stranger")
    for name, subject in (("server", "localhost"), ("me", "me")):
        _openssl(folder, "req", *_KEY, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        (folder / "names").write_text("subjectAltName=DNS:localhost\n" if name == "server" else "")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-out", f"{name}.pem")
        _openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed)
    folder.chmod(0o755)
    for file in folder.iterdir():
        if file.is_file():
            file.chmod(0o644)


def _authority(folder: Path, name: str) -> None:
    usage = ("-addext", "keyUsage=critical,keyCertSign")  # Python 3.13 insists
    words = ("-out", f"{name}.pem", "-subj", f"/CN={name}", *usage)
    _openssl(folder, "req", "-x509", *_KEY, f"{name}.key", *words)


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run([program("openssl"), *words], cwd=folder, check=True, capture_output=True)
