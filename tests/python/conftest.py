"""A real server for each module: the debug binary in a fresh folder, with everything in memory."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = TARGET / "debug" / "inwren"
START_SECONDS = 60
TOKENS = os.environ.get("INWREN_TEST_TOKENS", "aws-lc")

SUPERUSER = "root@example.org"
SUPERUSER_PASSWORD = "the first pass phrase of all"


class Server:
    """The service, from its first log line to its end."""

    def __init__(self, folder, **settings):
        if not BINARY.is_file():
            raise FileNotFoundError(f"there is no {BINARY}: build it with `cargo build -p inwren`")
        environment = {
            "PORT": "0",
            "DATABASE_URL": "memory:",
            "RATE_LIMIT_ENABLED": "false",
            "ARGON2_MEMORY_KIB": "64",
            "ARGON2_ITERATIONS": "1",
            "FIRST_SUPERUSER_EMAIL": SUPERUSER,
            "FIRST_SUPERUSER_PASSWORD": SUPERUSER_PASSWORD,
            **settings,
        }
        self.log = []
        self.url = None
        self._listening = threading.Event()
        self._process = subprocess.Popen(
            [BINARY], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._follow, daemon=True).start()
        if not self._listening.wait(START_SECONDS) or self.url is None:
            self._process.kill()
            raise RuntimeError("the service did not start:\n" + "".join(self.log))

    def _follow(self):
        for line in self._process.stdout:
            self.log.append(line)
            found = re.search(r"is listening on (http://[0-9.:]+)", line)
            if found:
                self.url = found.group(1)
                self._listening.set()
        self._listening.set()

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=30)
        assert code == 0, "".join(self.log)


@pytest.fixture(scope="session", autouse=True)
def build_under_test():
    """The binary is of the build that is to be tested, and not of another that was made since."""
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout
    assert f"(tokens: {TOKENS})" in version, version


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="inwren-test-") as folder:
        running = Server(folder)
        yield running
        running.stop()
