"""Checks `compose.yaml` against the Compose specification and Docker's address assignment. It needs no Docker."""

import ipaddress
import itertools
import json
import re
import subprocess
from copy import deepcopy
from pathlib import Path

import compose_spec
import pytest
import yaml

from conftest import BINARY, ROOT
from documents import blocks

COMPOSE = ROOT / "compose.yaml"
TEXT = COMPOSE.read_text()
COMPOSITION = yaml.safe_load(TEXT)
INSTANCES = ["inwren-1", "inwren-2"]


def check(text):
    """Fails if a text does not follow the Compose specification, which defines all fields and their types."""
    # Parse with PyYAML: the parser of this package does not resolve nested merges.
    compose_spec.PyCompose.from_json(json.dumps(yaml.safe_load(text))).validate()


def test_file_follows_the_compose_specification():
    check(TEXT)


@pytest.mark.parametrize(
    "right, wrong",
    [("ip_range:", "iprange:"), ("read_only: true", "readonly: true"), ("networks: [storage]", "networks: [storge]"),
     ("condition: service_healthy", "condition: healthy"), ("restart: unless-stopped", "restart: sometimes")],
)
def test_mistake_in_the_file_is_found(right, wrong):
    assert right in TEXT
    with pytest.raises(Exception, match=".+"):
        check(TEXT.replace(right, wrong, 1))


class AddressInUse(Exception):
    """Docker reports `Address already in use`, and does not start the container."""


class Network:
    """Assigns addresses as Docker's IPAM does: first the gateway, then per container its fixed address or the lowest
    free one of `ip_range`, which is the whole subnet by default."""

    def __init__(self, config):
        self.subnet = ipaddress.ip_network(config["subnet"])
        self.range = ipaddress.ip_network(config.get("ip_range", config["subnet"]))
        assert self.range.subnet_of(self.subnet), "Docker refuses to create the network"
        self.taken = {self.subnet.network_address, self.subnet.broadcast_address}
        self.join(config.get("gateway"))

    def join(self, address=None):
        if address is None:
            address = next(each for each in self.range if each not in self.taken)
        address = ipaddress.ip_address(address)
        assert address in self.subnet, f"Docker refuses {address}: it is not in {self.subnet}"
        if address in self.taken:
            raise AddressInUse(address)
        self.taken.add(address)
        return address


def networks_of(service):
    """Returns the networks of a service, each with the fixed address of the service in it or None."""
    named = service.get("networks", [])
    return {name: (named[name] or {}).get("ipv4_address") if isinstance(named, dict) else None for name in named}


def members(composition, network):
    return {name: service for name, service in composition["services"].items() if network in networks_of(service)}


def needs(composition, name):
    """Returns all services that start before another one."""
    direct = set(composition["services"][name].get("depends_on", {}))
    return direct.union(*(needs(composition, each) for each in direct))


def start_orders(composition, network):
    """Yields the orders in which `docker compose up` may start the containers of a network."""
    for order in itertools.permutations(members(composition, network)):
        if not any(later in needs(composition, name) for place, name in enumerate(order) for later in order[place:]):
            yield order


def assign(composition, network, order):
    [config] = composition["networks"][network]["ipam"]["config"]
    docker = Network(config)
    services = composition["services"]
    return {name: docker.join(networks_of(services[name])[network]) for name in order}


def test_every_start_order_gives_the_proxy_its_address():
    proxy = ipaddress.ip_address(networks_of(COMPOSITION["services"]["proxy"])["edge"])
    orders = list(start_orders(COMPOSITION, "edge"))
    assert all(order.index("proxy") > order.index(name) for order in orders for name in INSTANCES)
    # After a restart of the machine, Docker starts the containers in any order.
    orders += itertools.permutations(members(COMPOSITION, "edge"))
    for order in orders:
        assigned = assign(COMPOSITION, "edge", order)
        assert assigned["proxy"] == proxy
        assert len(set(assigned.values())) == len(assigned)


def test_without_ip_range_an_instance_takes_the_proxys_address():
    """Without `ip_range`, the simulation finds an address conflict in every order that Compose may choose."""
    before = deepcopy(COMPOSITION)
    before["networks"]["edge"]["ipam"]["config"] = [{"subnet": "172.30.84.0/24"}]
    for name in INSTANCES:
        before["services"][name]["networks"] = ["edge", "storage"]
    orders = list(start_orders(before, "edge"))
    assert orders
    for order in orders:
        with pytest.raises(AddressInUse, match=r"172\.30\.84\.2"):
            assign(before, "edge", order)


def test_nginx_finds_replaced_instances():
    """nginx resolves names only at startup, so a new container of an instance must have the address of the old one."""
    for name in INSTANCES:
        assert networks_of(COMPOSITION["services"][name])["edge"]


def test_static_addresses_lie_outside_the_dynamic_range():
    for name, network in COMPOSITION["networks"].items():
        static = [address for service in members(COMPOSITION, name).values() if (address := networks_of(service)[name])]
        if not static:
            continue
        [config] = network["ipam"]["config"]
        for address in [*static, config["gateway"]]:
            assert ipaddress.ip_address(address) in ipaddress.ip_network(config["subnet"])
            assert ipaddress.ip_address(address) not in ipaddress.ip_network(config["ip_range"])
        assert len({*static, config["gateway"]}) == len(static) + 1
        dynamic = len(members(COMPOSITION, name)) - len(static)
        # Leaves room for additional instances.
        assert ipaddress.ip_network(config["ip_range"]).num_addresses > 10 * dynamic


def test_redis_evicts_no_rate_limit():
    command = COMPOSITION["services"]["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "`maxmemory-policy noeviction`" in (ROOT / "docs/limits.md").read_text()


def interpolated(value):
    """Returns a value with the defaults of its variables, as Compose inserts them."""
    return re.sub(r"\$\{\w+:[-?]([^}]*)\}", lambda found: found[1].replace("put it into .env", "x"), value)


@pytest.mark.parametrize("name", INSTANCES)
def test_settings_of_an_instance_are_valid(name, tmp_path):
    image = re.findall(r"(?:ENV|^   ) ([A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    own = COMPOSITION["services"][name]["environment"]
    environment = {**dict(image), **{name: interpolated(value) for name, value in own.items() if value is not None}}

    def check(**added):
        ran = subprocess.run(
            [BINARY, "config", "check"], env={**environment, **added}, cwd=tmp_path, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout.splitlines()

    # Compose passes a variable without a value on from `.env`, and omits it if it is not there.
    passed_on = {name for name, value in own.items() if value is None}
    assert passed_on == {"SMTP_URL", "MAIL_FROM"}
    check(SMTP_URL="smtps://user:password@mail.example.org", MAIL_FROM="no-reply@example.org", EMAIL_VERIFICATION="required")
    lines = check()
    assert "ENVIRONMENT=production  # environment" in lines
    assert f"METRICS_ADDR={own['METRICS_ADDR']}  # environment" in lines


def test_prometheus_scrapes_every_instance():
    services = COMPOSITION["services"]
    mounted = dict(volume.split(":")[1::-1] for volume in services["prometheus"]["volumes"])
    config = yaml.safe_load((ROOT / mounted["/etc/prometheus/prometheus.yml"]).read_text())
    [job] = config["scrape_configs"]
    port = services["inwren-1"]["environment"]["METRICS_ADDR"].removeprefix("0.0.0.0:")
    assert job["static_configs"] == [{"targets": [f"{name}:{port}" for name in INSTANCES]}]
    for name in INSTANCES:
        assert networks_of(services["prometheus"]).keys() & networks_of(services[name]).keys()
        assert "ports" not in services[name]
    [rules] = config["rule_files"]
    alerts = (ROOT / mounted[f"/etc/prometheus/{rules}"]).read_text()
    assert set(re.findall(r'job="(\w+)"', alerts)) == {job["job_name"]}


def documented_command():
    [block] = [text for words, text in blocks("deploy.md") if words == ["sh"] and ".env" in text]
    command = block.splitlines()[0]
    assert f"#   {command}\n" in TEXT, "compose.yaml and docs/deploy.md name the same command"
    return command


@pytest.mark.parametrize(
    "before", [None, "", "PORT=8001\n", "PORT=8001", "POSTGRES_PASSWORD=chosen\nPORT=8001\n", "OLD_POSTGRES_PASSWORD=x\n"]
)
def test_documented_command_keeps_an_existing_env_file(before, tmp_path):
    env = tmp_path / ".env"
    if before is not None:
        env.write_text(before)

    def run():
        subprocess.run(["bash", "-euc", documented_command()], cwd=tmp_path, check=True)
        return env.read_text()

    after = run()
    lines = after.splitlines()
    assert after.startswith(before or "")
    passwords = [line for line in lines if line.startswith("POSTGRES_PASSWORD=")]
    if before and "\nPOSTGRES_PASSWORD=" in f"\n{before}":
        assert after == before
    else:
        assert len(passwords) == 1 and re.fullmatch(r"POSTGRES_PASSWORD=[0-9a-f]{48}", passwords[0])
        assert set((before or "").splitlines()) <= set(lines)
    assert run() == after, "a second run changes nothing"


def test_upgrade_names_services_of_the_file():
    text = Path(ROOT / "docs/deploy.md").read_text()
    named = set(re.findall(r"docker compose (?:run --rm|up -d --no-deps --wait) ([a-z0-9-]+)", text))
    assert named == {"migrate", "secret-keys", *INSTANCES}


def test_keys_are_created_once_and_read_only_for_instances():
    services = COMPOSITION["services"]
    for name in ["keys", "secret-keys"]:
        # Both run at each start, and must not replace a file.
        assert "--if-missing" in services[name]["command"]
        assert services[name]["volumes"] == ["keys:/data"] and services[name]["network_mode"] == "none"
    image = dict(re.findall(r"(?:ENV|^   ) ([A-Z_]+)=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    for name in INSTANCES:
        assert services[name]["volumes"] == ["keys:/data:ro"]
        for path in ["PRIVATE_KEY_PATH", "SECRET_KEY_PATH"]:
            assert image[path].startswith("/data/") and path not in services[name]["environment"]
