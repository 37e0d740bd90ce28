"""The manifests of `docs/kubernetes` are valid and consistent, and the real program runs with their settings."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from copy import deepcopy
from pathlib import Path

import kubernetes_validate
import psycopg
import pytest
import yaml

from conftest import BINARY, ROOT
from processes import Listener, free_port, wait_for

PAGE = (ROOT / "docs/kubernetes.md").read_text()
MANIFESTS = {path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "docs/kubernetes").glob("*.yaml"))}
BY_KIND = {manifest["kind"]: manifest for manifest in MANIFESTS.values()}
POD = BY_KIND["Deployment"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]
[MIGRATE] = POD["spec"]["initContainers"]
SETTINGS = set(re.findall(r"^### ([A-Z0-9_]+)$", (ROOT / "docs/reference/configuration.md").read_text(), re.MULTILINE))
DURATION = r"[1-9]\d*(ms|s|m|h)"
STANDARD = [name for name, manifest in MANIFESTS.items() if manifest["kind"] != "ServiceMonitor"]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("name", STANDARD)
def test_manifest_is_valid(name, version):
    assert version in re.search(r"schemas of Kubernetes (\S+) and\s+(\S+),", PAGE).groups()
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_mistake_in_a_manifest_is_found():
    for path, value in [(["spec", "replica"], 2), (["spec", "replicas"], "two"), (["spec", "template", "spec", "user"], 1)]:
        wrong = deepcopy(BY_KIND["Deployment"])
        *parents, last = path
        place = wrong
        for parent in parents:
            place = place[parent]
        place[last] = value
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_service_monitor_finds_the_metrics():
    """Checks the fields without a schema, by the definition of the kind (monitoring.coreos.com/v1)."""
    monitor, service = BY_KIND["ServiceMonitor"], BY_KIND["Service"]
    assert set(monitor) == {"apiVersion", "kind", "metadata", "spec"}
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    spec = monitor["spec"]
    assert set(spec) == {"jobLabel", "selector", "endpoints"}
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    [endpoint] = spec["endpoints"]
    assert set(endpoint) == {"port", "interval"} and re.fullmatch(DURATION, endpoint["interval"])
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    # The alerts select by this label.
    assert service["metadata"]["labels"][spec["jobLabel"]] == "inwren"
    assert set(re.findall(r'job="(\w+)"', (ROOT / "docs/monitoring/alerts.yaml").read_text())) == {"inwren"}


def test_selectors_and_ports_fit():
    labels = POD["metadata"]["labels"].items()
    selectors = [
        BY_KIND["Deployment"]["spec"]["selector"]["matchLabels"], BY_KIND["Service"]["spec"]["selector"],
        BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        BY_KIND["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        POD["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector and selector.items() <= labels
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    used = [port["targetPort"] for port in BY_KIND["Service"]["spec"]["ports"]]
    used += [port["port"] for rule in BY_KIND["NetworkPolicy"]["spec"]["ingress"] for port in rule["ports"]]
    used += [CONTAINER[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")]
    assert set(used) == set(ports)
    assert ports["http"] == 8000
    environment = {each["name"]: each.get("value") for each in CONTAINER["env"]}
    for name, port in [("METRICS_ADDR", "metrics"), ("HEALTH_ADDR", "health")]:
        assert environment[name] == f"0.0.0.0:{ports[port]}"
    assert BY_KIND["Deployment"]["spec"]["replicas"] > BY_KIND["PodDisruptionBudget"]["spec"]["minAvailable"]


def test_settings_and_secrets_are_documented():
    assert MIGRATE["env"] == CONTAINER["env"] and MIGRATE["image"] == CONTAINER["image"]
    assert {each["name"] for each in CONTAINER["env"]} <= SETTINGS
    created = re.findall(r"kubectl create secret generic ([a-z-]+)((?: \\\n|.)*)", PAGE)
    keys = {name: set(re.findall(r"--from-literal=(\w+)=", rest)) for name, rest in created}
    for each in CONTAINER["env"]:
        if "valueFrom" in each:
            reference = each["valueFrom"]["secretKeyRef"]
            assert reference["key"] in keys[reference["name"]]
            # A pod without mail starts, too.
            assert reference.get("optional", False) is (each["name"] == "SMTP_URL")
    [volume] = POD["spec"]["volumes"]
    assert volume["secret"]["secretName"] in keys
    for name in MANIFESTS:
        assert f"](kubernetes/{name})" in PAGE


def test_container_is_restricted():
    """The pod follows the `restricted` Pod Security Standard, with a read-only root file system."""
    pod = POD["spec"]["securityContext"]
    assert pod["runAsNonRoot"] is True and pod["seccompProfile"] == {"type": "RuntimeDefault"}
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert [pod["runAsUser"], pod["runAsGroup"]] == [int(each) for each in user.groups()]
    for container in (CONTAINER, MIGRATE):
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False and own["capabilities"] == {"drop": ["ALL"]}
        assert own["readOnlyRootFilesystem"] is True
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        assert container["resources"]["limits"]["memory"] and container["resources"]["requests"]
    grace = next(each["value"] for each in CONTAINER["env"] if each["name"] == "SHUTDOWN_GRACE_SECONDS")
    assert int(grace) < POD["spec"]["terminationGracePeriodSeconds"]


def mount_secret(folder, source, mode, group):
    """Mounts files as Kubernetes mounts a Secret with an `fsGroup`: owned by root, behind two symbolic links, in a
    folder with the sticky bit. Kubernetes updates them by replacing one of the links."""
    folder.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for file in source.iterdir():
        shutil.copy(file, data / file.name)
        (data / file.name).chmod(mode)
        os.chown(data / file.name, -1, group)
    os.chown(data, -1, group)
    data.chmod(0o2755)
    (folder / "..next").symlink_to(data.name)
    (folder / "..next").rename(folder / "..data")
    for file in source.iterdir():
        if not (folder / file.name).is_symlink():
            (folder / file.name).symlink_to(f"..data/{file.name}")
    os.chown(folder, -1, group)
    folder.chmod(0o3777)


@pytest.fixture
def database():
    server = os.environ.get("INWREN_TEST_POSTGRES_URL")
    assert server, "run this by ./tests/run, which starts PostgreSQL"
    name = f"inwren_kubernetes_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.rsplit('/', 1)[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def status(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def published_keys(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/.well-known/jwks.json", timeout=30) as answer:
        return json.load(answer)["keys"]


def test_pod_runs_with_its_settings_user_and_keys(database):
    """Runs the program with all settings of the Deployment, except for the ports and the databases of the tests."""
    redis = os.environ.get("INWREN_TEST_REDIS_URL")
    assert redis, "run this by ./tests/run, which starts Redis"
    user, group = (POD["spec"]["securityContext"][name] for name in ("runAsUser", "fsGroup"))
    # Only root can change to another user.
    restricted = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
    restricted, group = (restricted, group) if os.getuid() == 0 else ([], os.getgid())
    # Only the owner of pytest's `tmp_path` can enter it, so use another folder.
    with tempfile.TemporaryDirectory(prefix="inwren-pod-") as folder:
        folder = Path(folder)
        folder.chmod(0o755)
        shutil.copy(BINARY, folder / "inwren")
        paths = {"PRIVATE_KEY_PATH": "private.pem", "PUBLIC_KEY_PATH": "public.pem", "SECRET_KEY_PATH": "secret.keys"}
        made = {name: f"{folder}/made/{file}" for name, file in paths.items()}
        assert {each["name"]: each["value"] for each in CONTAINER["env"] if each["name"] in paths} == {
            name: f"/keys/{file}" for name, file in paths.items()
        }
        [volume] = POD["spec"]["volumes"]

        def keys(command, kind="keys"):
            """Changes the keys on the operator's machine and replaces the Secret."""
            run = [folder / "inwren", kind, command]
            subprocess.run(run, env=made, cwd=folder, check=True, capture_output=True)
            mount_secret(folder / "keys", folder / "made", volume["secret"]["defaultMode"], group)

        keys("generate")
        keys("generate", "secrets")

        image = dict(re.findall(r"(?:ENV|^   ) ([A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
        # No letter is sent here, so nothing connects to the mail server.
        secrets = {"DATABASE_URL": database, "REDIS_URL": redis, "SMTP_URL": "smtps://user:password@mail.example.org"}
        ports = {name: free_port() for name in ("PORT", "METRICS_ADDR", "HEALTH_ADDR")}
        environment = image | {each["name"]: each.get("value") or secrets[each["name"]] for each in CONTAINER["env"]}
        environment = {name: value.replace("/keys/", f"{folder}/keys/") for name, value in environment.items()}
        environment |= {"HOST": "127.0.0.1", "PORT": str(ports["PORT"])}
        environment |= {name: f"127.0.0.1:{ports[name]}" for name in ("METRICS_ADDR", "HEALTH_ADDR")}
        migrate = [*restricted, folder / "inwren", *MIGRATE["args"]]
        migrated = subprocess.run(migrate, env=environment, cwd="/", capture_output=True, text=True)
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr

        # The user of the pod cannot write to the working directory.
        service = Listener([*restricted, folder / "inwren", "serve"], "/", environment)
        service.wait_until_ready()
        try:
            for probe in ("livenessProbe", "readinessProbe"):
                path = CONTAINER[probe]["httpGet"]["path"]
                url = f"http://127.0.0.1:{ports['HEALTH_ADDR']}{path}"
                wait_for(f"{path} is 200", lambda url=url: status(url) == 200)
            assert status(f"http://127.0.0.1:{ports['METRICS_ADDR']}/metrics") == 200
            assert len(published_keys(ports["PORT"])) == 1
            keys("rotate")
            wait_for("the next key is published", lambda: len(published_keys(ports["PORT"])) == 2)
            keys("rotate", "secrets")
            wait_for("the next secret key is read", lambda: any("loaded the secret keys" in line for line in service.log))
        finally:
            code = service.stop()
        assert code == 0, "".join(service.log)
        assert not any('"level":"WARN"' in line or '"level":"ERROR"' in line for line in service.log), service.log
