"""The Dockerfile's steps executed in a clean folder: what they build runs without rights in a read-only tree."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from alvh import __version__
from deploy.stack import DEPLOY
from servers import free_port, program, redis_server, temporary_folder

ROOT: Final = DEPLOY.parent
# Root without capabilities may write no more than its files' modes say. Another user could not reach a Python that
# lies in root's home, as it may here; in the image it lies in /usr/local.
POWERLESS: Final = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
LIMIT_S: Final = 170.0


def instructions(text: str) -> list[tuple[str, str]]:
    """Return (instruction, rest), with lines joined and comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines()) if word]


class CleanRoot:
    """A folder in which the steps of a stage are executed; /opt and /src of the image lie in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.at = root
        self.environment: dict[str, str] = {"HOME": str(root), "LANG": "C.UTF-8"}
        (root / "opt").mkdir()

    def inside(self, text: str) -> str:
        """Return a command with the image's places in the folder."""
        return re.sub(r"(?<![\w/])/(opt|src|var/lib)/", rf"{self.root}/\1/", text)

    def copy(self, rest: str, ignored: frozenset[str]) -> None:
        """Copy from the repository what the .dockerignore lets through."""
        *sources, target = rest.split()
        for source in sources:
            assert source in ignored, f"{source} does not reach the builder: .dockerignore"
            there = self.at / target / Path(source).name if target.endswith("/") else self.at / target
            there.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(ROOT / source, there)

    def run(self, rest: str) -> None:
        """Run a step, with the Python that is here for the image's, and pip's settings of this machine."""
        python = Path(sys.executable).resolve().parent
        pip = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_", "HTTPS_", "https_"))}
        found = {**pip, **self.environment, "PATH": f"{python}:/usr/bin:/bin"}
        if "PIP_CONFIG_FILE" not in found and Path.home().joinpath(".config/pip/pip.conf").exists():
            found["PIP_CONFIG_FILE"] = str(Path.home() / ".config/pip/pip.conf")
        command = self.inside(rest).replace("python -m venv", "python3 -m venv", 1)
        done = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=self.at, env=found, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"


def built(root: Path, *, instead: Mapping[str, str]) -> CleanRoot:
    """Execute the build stage in `root`; a step that begins with a key of `instead` is done in that way."""
    let_through = frozenset(
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    )
    made = CleanRoot(root)
    stages = 0
    for instruction, rest in instructions((DEPLOY / "Dockerfile").read_text(encoding="utf-8")):
        stages += instruction == "FROM"
        if stages != 1:
            continue
        if instruction == "WORKDIR":
            made.at = Path(made.inside(f"{rest}/"))
            made.at.mkdir(parents=True, exist_ok=True)
        elif instruction == "ENV":
            made.environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif instruction == "COPY":
            made.copy(rest, let_through)
        elif instruction == "RUN":
            made.run(next((other for key, other in instead.items() if rest.startswith(key)), rest))
    return made


def final_stage() -> dict[str, str]:
    """Return the last stage's instructions by name, the last of each."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    return dict(instructions(text[text.rindex("\nFROM") :]))


def _serves(made: CleanRoot, folder: Path) -> None:
    """Run what the image runs, without rights, in a tree that cannot be written to."""
    final = final_stage()
    command: Sequence[str] = [*json.loads(final["ENTRYPOINT"]), *json.loads(final["CMD"])]
    (folder / "here").mkdir()
    os.chmod(folder / "here", 0o555)  # noqa: PTH101 - beside the others below
    for place in (made.root / "opt", *(made.root / "opt").rglob("*")):
        if not place.is_symlink():
            os.chmod(place, place.stat().st_mode & ~0o222)  # noqa: PTH101 - as above
    with redis_server() as redis:
        port = free_port()
        config = folder / "alvh.yaml"
        broker = "mqtt://127.0.0.1:1"  # away; the daemon starts all the same
        lines = [f"redis: {{url: '{redis.url}'}}", f"mqtt: {{url: '{broker}'}}", f"http: {{port: {port}}}"]
        config.write_text("\n".join(lines), encoding="utf-8")
        asked = [str(made.root / "opt/alvh/bin" / command[0]), *command[1:-1], str(config)]
        if os.geteuid() == 0:
            program(POWERLESS[0])
            asked = [*POWERLESS, *asked]
            touched = subprocess.run(
                [*POWERLESS, "touch", str(made.root / "opt" / "x")], capture_output=True, check=False
            )
            assert touched.returncode != 0
        environment = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": "/usr/bin:/bin"}
        with (folder / "said").open("wb") as said:
            daemon = subprocess.Popen(asked, cwd=folder / "here", env=environment, stdout=said, stderr=said)
        try:
            assert _is_alive(port, daemon), (folder / "said").read_text()
            check: list[str] = json.loads(final["HEALTHCHECK"].partition("CMD ")[2])
            code: list[str] = [part.replace(":8080/", f":{port}/") for part in check[1:]]
            assert subprocess.run([str(made.root / "opt/alvh/bin/python"), *code], check=False).returncode == 0
        finally:
            daemon.terminate()
            assert daemon.wait(30) == 0


def _is_alive(port: int, daemon: "subprocess.Popen[bytes]") -> bool:
    give_up = time.monotonic() + LIMIT_S / 2
    while time.monotonic() < give_up and daemon.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
        time.sleep(0.2)
    return False


def test_the_image_is_small_and_nobodys() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (python,) = re.findall(r"^ARG PYTHON=(.+)$", text, re.MULTILINE)
    assert re.fullmatch(r"3\.1[123]\.\d+-slim-\w+", python)
    final = final_stage()
    assert final["USER"] == "10001:10001"
    assert "pip" not in "".join(rest for word, rest in final.items() if word == "RUN")
    assert "--require-hashes" in text
    assert "--only-binary=:all:" in text


def test_the_steps_build_what_runs_read_only_and_without_rights() -> None:
    """The packages are those of the test environment here, installed by the same kind of list; all else is done."""
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    link = f"echo {packages} >$(echo /opt/alvh/lib/python3*/site-packages)/packages.pth"
    with temporary_folder() as folder:
        folder.chmod(0o755)
        root = folder / "root"
        root.mkdir()
        hatch = "/opt/alvh/bin/python -m pip install --quiet --require-hashes"
        made = built(root, instead={hatch: link})
        version = [str(made.root / "opt/alvh/bin/python"), "-c", "import alvh; print(alvh.__version__, alvh.__file__)"]
        said = subprocess.run(version, cwd=folder, env={}, capture_output=True, text=True, check=True).stdout.split()
        assert said[0] == __version__
        assert said[1].startswith(str(made.root)), said
        _serves(made, folder)


@pytest.mark.long
def test_the_steps_build_the_whole_image() -> None:
    """All of it, with the packages: minutes, mostly of the network."""
    with temporary_folder() as folder:
        folder.chmod(0o755)
        root = folder / "root"
        root.mkdir()
        made = built(root, instead={})
        assert not list((made.root / "opt/alvh/lib").glob("python3*/site-packages/pip/"))
        _serves(made, folder)
