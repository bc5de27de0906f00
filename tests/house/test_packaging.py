"""The locked lists follow from pyproject.toml, the wheel holds the whole package, and messages need pydantic alone."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = {
    "messages.txt": (),
    "run.txt": ("service", "embedded"),
    "test.txt": ("service", "embedded", "test"),
    "service.txt": ("service",),
    "bench.txt": ("service", "embedded", "test", "bench"),
    "fuzz.txt": ("service", "embedded", "test", "fuzz"),
}
MESSAGES_MAY_LOAD = {"alvh", "annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}


def locked(packages: str) -> dict[str, Requirement]:
    """Return the packages of a list by name; one that differs between Pythons is refused."""
    text = (ROOT / "requirements" / packages).read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, Requirement] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line.partition("--hash")[0].strip())
            key = canonicalize_name(requirement.name)
            assert key not in found, f"{key} twice"
            found[key] = requirement
    return found


@pytest.mark.parametrize("packages", EXTRAS)
def test_every_requirement_is_locked_at_a_permitted_version(packages: str) -> None:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    wanted += [line for extra in EXTRAS[packages] for line in project["optional-dependencies"][extra]]
    lock = locked(packages)
    for requirement in map(Requirement, wanted):
        (pin,) = lock[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} is locked at {pin.version}"


@pytest.mark.parametrize("packages", EXTRAS)
def test_every_entry_has_hashes_and_no_list_names_a_host(packages: str) -> None:
    text = (ROOT / "requirements" / packages).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    entries = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    assert entries
    assert not [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]


@pytest.mark.parametrize(
    ("part", "whole"), [("messages.txt", "service.txt"), ("service.txt", "run.txt"), ("run.txt", "test.txt")]
)
def test_what_is_tested_is_what_runs(part: str, whole: str) -> None:
    tested = locked(whole)
    assert not [str(each) for key, each in locked(part).items() if tested[key].specifier != each.specifier]


def test_whoever_reads_messages_loads_pydantic_alone() -> None:
    code = "import sys, alvh.messages; print(*sorted({each.partition('.')[0] for each in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "service", capture_output=True, text=True, check=True, env={}
    )
    loaded = {each for each in done.stdout.split() if not each.startswith("_")} - set(sys.stdlib_module_names)
    ours = {each for each in loaded if each not in ("sitecustomize", "usercustomize", "distutils-precedence")}
    assert ours <= MESSAGES_MAY_LOAD


def test_the_wheel_holds_types_and_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("alvh-*-py3-none-any.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "service"
    wanted = {
        path.relative_to(package).as_posix()
        for path in (package / "alvh").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "ruff.toml"
    }
    assert "alvh/py.typed" in held
    assert {path for path in held if ".dist-info/" not in path} == wanted
    assert any(path.endswith("licenses/LICENSE") for path in held)


def test_the_version_is_said_once() -> None:
    import alvh  # noqa: PLC0415 (the version is the question)

    assert PROJECT["project"]["dynamic"] == ["version"]
    assert f"## {alvh.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
