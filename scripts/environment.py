"""Make a virtual environment hold exactly what a hash-locked list says, and this project; do nothing where it does.

Usage: environment.py FOLDER LIST. Runs on the standard library alone, with the Python the environment is to have.
Exit code 1 and one line on standard error, saying what to do, where it cannot be done.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parent.parent
"""The clone this script belongs to."""


def main(folder: str, packages: str) -> None:
    """Bring `folder` in line with `packages`, unless its stamp says that it is."""
    environment, listed = ROOT / folder, ROOT / packages
    with (ROOT / f"{folder}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two makes in one clone: the second waits and finds it done
        wanted = fingerprint(listed)
        stamp = environment / "stamp"
        if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
            return
        print(f"making {folder} from {packages} with Python {sys.version.split()[0]}", flush=True)
        create(environment)
        install(environment, listed)
        stamp.write_text(wanted, encoding="ascii")


def fingerprint(listed: Path) -> str:
    """Say in one hash what the environment follows from: list, package description, interpreter and place."""
    facts = [sys.version, sys.prefix, str(ROOT), sysconfig.get_platform()]
    contents = [listed.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), Path(__file__).read_bytes()]
    return hashlib.sha256("\n".join(facts).encode() + b"".join(contents)).hexdigest()


def create(environment: Path) -> None:
    """Make an empty environment; leave nothing behind where Debian has kept back what it takes."""
    try:
        import ensurepip  # noqa: F401, PLC0415 (Debian ships it in a package of its own; this is the question)
        import venv  # noqa: PLC0415 (the same package brings all of it to some releases)
    except ImportError:
        give_up(f"this Python cannot make a virtual environment; {remedy()}, and try again")
    try:
        venv.create(environment, clear=True, symlinks=True, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(environment, ignore_errors=True)
        give_up(f"could not make {environment.name} ({error}); {remedy()}, and try again")


def install(environment: Path, listed: Path) -> None:
    """Install the list, then the project, from wheels alone: building from source would fetch what no hash guards."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", *quiet]
    run([*pip, "--require-hashes", "--only-binary=:all:", "-r", str(listed)], environment, f"packages of {listed.name}")
    run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], environment, "project itself")


def run(command: list[str], environment: Path, what: str) -> None:
    """Run pip, keep what it says, and say only the line that matters if it fails."""
    unwanted = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_HASHES"}
    surroundings = {name: value for name, value in os.environ.items() if name not in unwanted}
    said = environment / "install.log"
    with said.open("wb") as log:
        done = subprocess.run(
            command, env=surroundings, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode != 0:
        lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
        named = (line.strip() for line in reversed(lines) if re.match(r"\s*\w*error:", line, re.IGNORECASE))
        reason = next((line for line in named if "metadata-generation" not in line), "pip did not say why")
        give_up(f"could not install the {what}; see {said.relative_to(ROOT)}, mind the network, try again ({reason})")


def remedy() -> str:
    """Name the package that this system keeps venv and ensurepip in."""
    if shutil.which("apt-get"):
        return f"install them: apt-get install python{sys.version_info.major}.{sys.version_info.minor}-venv"
    return "install Python with its venv and ensurepip modules"


def give_up(line: str) -> NoReturn:
    """End with one line for a person."""
    print(f"make: {line}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        give_up("interrupted while installing; the next start begins anew")
