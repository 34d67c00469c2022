"""NanoMdm, the driver, with virtual Macs enrolled in two servers: the one that is served with them, and NanoMDM."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kextrel.bench.answers import Webhook
from kextrel.bench.mdm import NanoMdm, Server
from kextrel.certification import SCENARIOS
from kextrel.errors import BenchError
from kextrel.evidence import EvidenceLog
from kextrel.lab import write_lab
from kextrel.testing import MdmConformance, MdmPeer
from kextrel.timing import Deadline
from kextrel.virtual.spec import MacSpec
from loopback import free_port, until_listening

KEY = "an-api-key-of-tests"
PEM = serialization.Encoding.PEM


class Authority:
    """A certificate authority of one test run, whose identities are Macs'."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Kextrel test authority")
        basic = x509.BasicConstraints(ca=True, path_length=None)
        certificate = _built(self._name, self._name, self._key, basic, critical=True).sign(self._key, hashes.SHA256())
        self.path = folder / "ca.pem"
        self.path.write_bytes(certificate.public_bytes(PEM))

    def identity(self, name: str) -> Path:
        """A PEM file with a client's certificate and its key."""
        key, purpose = ec.generate_private_key(ec.SECP256R1()), x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        made = _built(_named(name), self._name, key, purpose, critical=False).sign(self._key, hashes.SHA256())
        secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = self._folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_bytes(made.public_bytes(PEM) + secret)
        return path


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _built(
    subject: x509.Name, issuer: x509.Name, key: Any, extension: x509.ExtensionType, *, critical: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical)
    return builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))


@dataclass
class Nano:
    """A running NanoMDM that trusts an authority, has no push certificate, and tells a webhook."""

    program: Path
    folder: Path
    authority: Authority
    port: int
    hook: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "nanomdm.log").read_text()

    def start(self) -> None:
        told = f"http://127.0.0.1:{self.hook}/events"
        command = [self.program, "-listen", f"127.0.0.1:{self.port}", "-ca", self.authority.path, "-webhook-url", told]
        command += ["-storage", "inmem", "-storage-dsn", "", "-debug"]
        with (self.folder / "nanomdm.log").open("wb") as log:
            environment = {**os.environ, "NANOMDM_API": KEY}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def spec(self, name: str, authority: Authority) -> MacSpec:
        """A Mac that is to be enrolled here, with an identity of that authority's."""
        identity, url = str(authority.identity(name)), f"{self.url}/mdm"
        return MacSpec(name, prepared=True, enrollment="automated-device", mdm_url=url, mdm_identity=identity)

    def driver(self, udid: str, log: EvidenceLog | None = None, key: str = KEY, *, push: bool = False) -> NanoMdm:
        server = Server(self.url, key, push=push)
        return NanoMdm("mini.mdm", server, udid, Webhook(port=self.hook, path="events"), log or EvidenceLog())


@pytest.fixture(scope="module", autouse=True)
def _impatient() -> Iterator[None]:
    """Macs whose server cannot push ask it more often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kextrel.virtual.mdm.client.POLL", 0.1)
        yield


@pytest.fixture(scope="module")
def nano(
    lacks: Callable[[str], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Nano]:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kextrel-peers"
    program = Path(os.environ.get("KEXTREL_PEERS_DIR") or cache) / "nanomdm"
    if not program.exists():
        lacks("NanoMDM is not installed here")
    folder = tmp_path_factory.mktemp("nanomdm")
    server = Nano(program, folder, Authority(folder), free_port(), free_port())
    server.start()
    until_listening(server.port)
    yield server
    server.stop()


@dataclass
class Enrolled:
    """A Mac and the driver for it."""

    mac: Any
    driver: Callable[[], NanoMdm]

    def mdm(self) -> NanoMdm:
        return self.driver()

    def off(self) -> None:
        self.mac.off()

    def on(self) -> None:
        self.mac.on()
        self.mac.shell.wait_for_boot(deadline=Deadline.after(60))


@pytest.fixture(scope="module")
def in_nano(nano: Nano, virtual_mac_of: Any) -> Enrolled:
    """A virtual Mac in Automated Device Enrollment with NanoMDM."""
    mac = virtual_mac_of(nano.spec("mini", nano.authority))
    return Enrolled(mac, lambda: nano.driver(mac.udid))


@pytest.fixture(scope="module")
def in_ours(virtual_mac_of: Any) -> Enrolled:
    """A virtual Mac enrolled with the server that is served with it."""
    mac = virtual_mac_of(MacSpec("studio", prepared=True, enrollment="automated-device"))
    access = mac.line["mdm_access"]
    server = Server(mac.line["mdm"], access["api_key"], register=True)
    return Enrolled(mac, lambda: NanoMdm("studio.mdm", server, access["udid"], Webhook(), EvidenceLog()))


class TestNanoMdm(MdmConformance):
    @pytest.fixture
    def peer(self, in_nano: Enrolled) -> MdmPeer:
        return in_nano


class TestOurs(MdmConformance):
    @pytest.fixture
    def peer(self, in_ours: Enrolled) -> MdmPeer:
        return in_ours


def soon() -> Deadline:
    return Deadline.after(60, "the command")


def test_a_wrong_key_is_said_and_never_shown(nano: Nano, in_nano: Enrolled) -> None:
    log = EvidenceLog()
    wire = nano.driver(in_nano.mac.udid, log, key="a-wrong-key-of-tests")
    with pytest.raises(BenchError, match=r"refuses our key \(401\); look at mdm.api_key"):
        wire.send({"RequestType": "ProfileList"}, deadline=soon())
    wire.close()
    assert not any("a-wrong-key" in record.to_json() for record in log.records)


def test_a_server_without_a_push_certificate_says_so(nano: Nano, in_nano: Enrolled) -> None:
    wire = nano.driver(in_nano.mac.udid, push=True)
    with pytest.raises(BenchError, match=r"cannot push to the Mac: .*push cert.* \(PREP-14\)") as refused:
        wire.send({"RequestType": "ProfileList"}, deadline=soon())
    wire.close()
    assert "\n" not in str(refused.value)


def test_a_mac_with_a_strangers_identity_is_not_enrolled(nano: Nano, virtual_mac_of: Any, tmp_path: Path) -> None:
    stranger = virtual_mac_of(nano.spec("stranger", Authority(tmp_path)))
    said = stranger.shell.run("profiles status -type enrollment", deadline=soon())
    assert "MDM enrollment: No" in said.out, said.err
    assert stranger.udid not in nano.log


def test_the_managed_walk_by_nanomdm(nano: Nano, in_nano: Enrolled, tmp_path: Path) -> None:
    """A profile, and a RestartDevice that rebuilds with the bootstrap token: as `kextrel run` judges it."""
    lab = tmp_path / "lab.yaml"
    write_lab([in_nano.mac.line], lab, [])
    content = json.loads(lab.read_text())
    (mac,) = content["macs"].values()
    mac |= {"enrollment": "automated-device", "time_scale": 50}
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(KEY)
    hook = {"port": nano.hook, "path": "events"}
    at = {"url": nano.url, "api_key": f"file:{tmp_path / 'key'}", "udid": in_nano.mac.udid}
    mac["wires"]["mdm"] = {"driver": "nanomdm", **at, "push": False, "webhook": hook}
    lab.write_text(json.dumps(content))
    walk = SCENARIOS / "MDM-10-no-person-and-no-1tr.mac.yaml"
    command = [sys.executable, "-m", "kextrel.cli", "run", walk, "--lab", lab, "--json"]
    environment = {**os.environ, "KEXTREL_STATE": str(tmp_path / "state")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    (verdict,) = [one["verdict"] for one in told if "steps" in one]
    assert verdict["verdict"] == "held", (verdict, done.stderr)
    asked = [line for line in nano.log.splitlines() if in_nano.mac.udid in line]
    for message in ("SetBootstrapToken", "GetBootstrapToken"):
        assert any(f"msg={message}" in line for line in asked), nano.log
    for request in ("InstallProfile", "RestartDevice"):
        assert any(f"request_type={request}" in line for line in asked), nano.log
