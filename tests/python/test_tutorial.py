"""Runs `docs/tutorial.md` block by block. Blocks of the first terminal start the service; the others share a shell."""

import os
import re
import shutil
import site
import subprocess
import threading

from conftest import BINARY
from documents import blocks
from processes import Listener, free_port

MARK = "--- the block is done ---"


class Shell:
    """The second terminal. It keeps its variables and its folder between blocks, and exits if a command fails."""

    def __init__(self, folder, environment):
        self.said = ""
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail"], cwd=folder, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        # If a block hangs, the shell is killed and the test fails.
        self._watch = threading.Timer(600, self._process.kill)
        self._watch.start()

    def run(self, text):
        self._process.stdin.write(f"{text}\necho '{MARK}'\n")
        self._process.stdin.flush()
        said = []
        for line in self._process.stdout:
            if line.strip() == MARK:
                self.said += "".join(said)
                return "".join(said)
            said.append(line)
        raise AssertionError(f"the shell has ended in:\n{text}\nand said:\n{''.join(said)}")

    def close(self):
        self._watch.cancel()
        self._process.stdin.close()
        self._process.wait(timeout=120)
        self._process.stdout.close()


def test_every_block_of_the_tutorial_works(tmp_path):
    server = os.environ.get("INWREN_TEST_POSTGRES_URL")
    assert server, "run this by ./tests/run, which starts PostgreSQL"
    assert shutil.which("psql"), "psql comes with PostgreSQL"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/inwren").symlink_to(BINARY)
    port = free_port()
    environment = {
        "PATH": f"{tmp_path}/bin:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PORT": str(port),
        # The packages of the page are already installed, so the test needs no network.
        "PYTHONPATH": os.pathsep.join(site.getsitepackages()),
    }

    def here(text):
        text = text.replace("postgres://postgres@127.0.0.1:5432", server.rsplit("/", 1)[0])
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
        # The issuer contains the port.
        return text.replace("http://localhost:8000", f"http://localhost:{port}")

    service, shell, said = None, None, []
    folder = tmp_path
    try:
        for words, text in blocks("tutorial.md"):
            if words[:1] != ["sh"]:
                continue
            if words[1:] in (["service"], ["stopped"]) and service:
                assert service.stop() == 0, "".join(service.log)
                service = None
            if words[1:] == ["service"]:
                # The last line starts the service, which replaces the shell.
                *before, last = here(text).strip().splitlines()
                variables, _, name = last.rpartition(" ")
                assert name == "inwren"
                start = "\n".join([*before, f"{variables and f'export {variables}'}", "exec inwren"])
                service = Listener(["bash", "-euc", start], folder, environment)
                service.wait_until_ready()
                folder = tmp_path / "inwren-tutorial"
            else:
                shell = shell or Shell(tmp_path, environment)
                said.append(shell.run(here(text)))
    finally:
        if service:
            service.kill()
        if shell:
            shell.close()
    text = "".join(said)
    print(text)
    for expected in [
        '"status":"ok"',
        '"code":"invalid-token"',
        "# invalid-token",
        "this is ann@example.org with the tier free",
        "InvalidSignatureError",
        '"current":true',
        "created superuser",
        '"is_superuser":true',
        '"code":"tier-not-self-service"',
        '"tier":"premium"',
        "ann gets 401",
        "pending",
        "CREATE DATABASE",
        "ann@example.org | free | t",
        "DROP DATABASE",
    ]:
        assert re.sub(r"\s+", " ", expected) in re.sub(r"[ \t]+", " ", text), f"{expected} is not in\n{text}"
    assert not (tmp_path / "inwren-tutorial").exists()
