"""Clients that are generated from the committed document: the recipes of docs/clients.md work as they stand there, and each
of the clients tells the same story against a service of its own."""

import re
import shutil
import tempfile

import pytest
import requests

from clients import CLIENTS, RECIPES, node_folder, pinned, python_folder, run, rust_folder
from conftest import ROOT, SUPERUSER, SUPERUSER_PASSWORD, Server

CHAPTERS = [
    "register", "login", "me", "refresh", "race", "pages",
    *(f"problem {status}" for status in (400, 401, 403, 404, 409, 413, 422, 429)),
    "logout",
]

# One listing of sessions is allowed, and of everything else as much as the story needs.
LIMITS = {f"RATE_LIMIT_{name}": "1000/minute" for name in ("REGISTER", "LOGIN", "LOGIN_ACCOUNT", "REFRESH", "ME", "ADMIN")}
LIMITS |= {"RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_SESSIONS": "1/minute"}


def tell_typescript(story):
    def tell(folder, settings):
        for file in (story, "told.ts", "tsconfig.json"):
            shutil.copy(CLIENTS / "typescript" / file, folder)
        run(["npx", "tsc"], folder)
        return run(["node", f"out/{story.removesuffix('.ts')}.js"], folder, **settings)

    return tell


def tell_python(folder, settings):
    shutil.copy(CLIENTS / "python" / "story.py", folder)
    run([".venv/bin/mypy", "story.py", "inwren_client"], folder)
    return run([".venv/bin/python", "story.py"], folder, **settings)


def tell_rust(folder, settings):
    (folder / "src" / "bin").mkdir(exist_ok=True)
    shutil.copy(CLIENTS / "rust" / "story.rs", folder / "src" / "bin")
    return run(["cargo", "run", "--quiet", "--locked", "--bin", "story"], folder, **settings)


KITCHENS = {
    "TypeScript: openapi-fetch": (node_folder, tell_typescript("with-openapi-fetch.ts")),
    "TypeScript: Hey API": (node_folder, tell_typescript("with-hey-api.ts")),
    "Python: openapi-python-client": (python_folder, tell_python),
    "Rust: progenitor": (rust_folder, tell_rust),
}


def test_every_recipe_is_followed():
    assert list(RECIPES) == list(KITCHENS)


def test_the_recipes_name_the_versions_that_are_tested():
    known, named = set(pinned()), [package for recipe in RECIPES.values() for package in recipe.packages()]
    assert len(named) >= 6
    assert [package for package in named if package not in known] == []


def test_the_document_is_the_committed_one(server):
    assert requests.get(f"{server.url}/openapi.json", timeout=30).text == (ROOT / "app" / "openapi.json").read_text()


@pytest.fixture(scope="module", params=KITCHENS)
def followed(request, server):
    """A folder in which a recipe was followed, what it printed, and how the story is told there."""
    make_folder, tell = KITCHENS[request.param]
    folder = make_folder(re.sub(r"\W+", "-", request.param).lower())
    return folder, RECIPES[request.param].follow(folder, server.url), tell


def test_the_recipe_works(followed):
    _, printed, _ = followed
    assert re.search(r"^I am first-\w+@example\.org$", printed, re.M), printed


def test_the_story_is_told(followed):
    folder, _, tell = followed
    with tempfile.TemporaryDirectory(prefix="inwren-story-") as place:
        service = Server(place, **LIMITS)
        settings = {
            "INWREN_URL": service.url,
            "SUPERUSER_EMAIL": SUPERUSER,
            "SUPERUSER_PASSWORD": SUPERUSER_PASSWORD,
        }
        try:
            printed = tell(folder, settings)
        finally:
            service.stop()
    assert re.findall(r"^told: (.+)$", printed, re.M) == CHAPTERS
