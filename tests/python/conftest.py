"""Starts a real server per module: the debug binary in a new folder, with an in-memory database."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from processes import Listener

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = TARGET / "debug" / "inwren"
TOKENS = os.environ.get("INWREN_TEST_TOKENS", "aws-lc")

SUPERUSER = "root@example.org"
SUPERUSER_PASSWORD = "the first pass phrase of all"


class Server(Listener):
    """A running service."""

    def __init__(self, folder, **settings):
        if not BINARY.is_file():
            raise FileNotFoundError(f"there is no {BINARY}: build it with `cargo build -p inwren`")
        self.folder = Path(folder)
        self._environment = {
            "PORT": "0",
            "DATABASE_URL": "memory:",
            "RATE_LIMIT_ENABLED": "false",
            "ARGON2_MEMORY_KIB": "64",
            "ARGON2_ITERATIONS": "1",
            "FIRST_SUPERUSER_EMAIL": SUPERUSER,
            "FIRST_SUPERUSER_PASSWORD": SUPERUSER_PASSWORD,
            **settings,
        }
        super().__init__([BINARY], folder, self._environment)
        self.wait_until_ready()

    @property
    def issuer(self):
        """Returns the `iss` of its tokens, which depends on the port."""
        return f"http://localhost:{self.url.rsplit(':', 1)[1]}"

    def command(self, *arguments):
        """Runs another command of the binary with the same settings. Returns its output."""
        ran = subprocess.run(
            [BINARY, *arguments], cwd=self.folder, env=self._environment, capture_output=True, text=True, timeout=300
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def stop(self):
        code = super().stop()
        assert code == 0, "".join(self.log)


@pytest.fixture(scope="session", autouse=True)
def build_under_test():
    """Checks that the binary has the token adapter under test: a later build with another one replaces the file."""
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    assert f"(tokens: {TOKENS})" in version, version


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="inwren-test-") as folder:
        running = Server(folder)
        yield running
        running.stop()
