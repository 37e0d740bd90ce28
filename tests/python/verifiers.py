"""Runs the programs of docs/verify-tokens from the files that the page shows."""

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import requests

from conftest import ROOT, TARGET
from processes import Listener

PROGRAMS = ROOT / "docs" / "verify-tokens"
NODE_MODULES = ROOT / "target" / "test-node" / "node_modules"


def python(_folder):
    return [sys.executable, PROGRAMS / "python" / "fastapi_app.py"]


def node(name):
    """Copies the programs beside a link to the packages, because Node resolves packages from the folder of the file."""

    def command(folder):
        if not NODE_MODULES.is_dir():
            raise FileNotFoundError(f"there is no {NODE_MODULES}: run ./tests/run --python")
        for source in (PROGRAMS / "node").glob("*.mjs"):
            shutil.copy(source, folder)
        (folder / "node_modules").symlink_to(NODE_MODULES)
        return [shutil.which("node"), f"{name}.mjs"]

    return command


def rust(name):
    """Returns the binary that Cargo built from these files and the manifest on the page."""

    def command(_folder):
        binary = TARGET / "debug" / f"verify-with-{name}"
        if not binary.is_file():
            raise FileNotFoundError(f"there is no {binary}: build it with `cargo build -p verify-inwren-tokens`")
        return [binary]

    return command


COMMANDS = {
    "FastAPI": python,
    "Express": node("express"),
    "Fastify": node("fastify"),
    "axum": rust("axum"),
    "poem": rust("poem"),
}


class Verifier(Listener):
    """A running service that verifies tokens of Inwren."""

    def __init__(self, name, folder, keys_url, **settings):
        self.name = name
        keys = {} if keys_url is None else {"INWREN_JWKS_URL": keys_url}
        environment = {**os.environ, "PORT": "0", **keys, **settings}
        super().__init__(COMMANDS[name](folder), folder, environment)

    def get(self, authorization=None, session=requests):
        """Requests a resource that requires a valid token."""
        headers = {} if authorization is None else {"Authorization": authorization}
        return session.get(f"{self.url}/me", headers=headers, timeout=30)

    def check(self, token, session=requests):
        return self.get(f"Bearer {token}", session)


@contextmanager
def verifiers(keys_url, **settings):
    """Starts all verifiers. Yields them by name."""
    with tempfile.TemporaryDirectory(prefix="inwren-verifiers-") as folder:
        running = {}
        try:
            for name in COMMANDS:
                own = Path(folder) / name
                own.mkdir()
                running[name] = Verifier(name, own, keys_url, **settings)
            for verifier in running.values():
                verifier.wait_until_ready()
            yield running
        finally:
            for verifier in running.values():
                verifier.kill()
