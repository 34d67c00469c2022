"""What the tools of a virtual Mac print and how they end, in the words of 14.5."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kextrel.macos import bputil as bputil_reader
from kextrel.macos import csrutil as csrutil_reader
from kextrel.macos import kexts as kexts_reader
from kextrel.macos import load as load_reader
from kextrel.macos import observation
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.unix.process import Exit
from kextrel.vocabulary import UNKNOWN, SecurityMode, Signature

DRIVER = "com.example.kextrel.driver"
POLICY = "/var/db/SystemPolicyConfiguration/KextPolicy"
Make = Callable[..., Path]


async def lowered(lab: Any, *words: str) -> tuple[int, str]:
    await lab.one_true_recovery()
    return await lab.typed("bputil", *words, answers=["admin", lab.password])


def test_the_walk_by_tools(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        path = mac.install(make_kext())
        refused = await mac.run("kmutil", "load", "-p", path)
        assert (refused.status, refused.out) == (27, "")
        assert load_reader.read(27, "", refused.err).identifiers == (DRIVER,)
        status, screen = await lowered(mac, "-k")
        assert status == 0, screen
        assert screen.endswith("Enter username: admin\r\nEnter password: \r\n\r\n")
        await mac.macos()
        assert (await mac.run("kmutil", "load", "-p", path)).status == 27
        mac.machine.kernel.approve(mac.machine.kernel.pending()[0], "admin")
        needed = await mac.run("kextload", path)
        assert needed.status == 28
        assert needed.err.startswith(f"Executing: /usr/bin/kmutil load -p {path}\n")
        assert "requires a reboot" in needed.err
        await mac.macos()
        assert (await mac.run("kmutil", "load", "-p", path)).status == 0
        shown = await mac.run(
            "kmutil", "showloaded", "--list-only", "--collection", "aux", "--show", "all", user="admin"
        )
        assert shown.err == "No variant specified, falling back to release\n"
        assert re.fullmatch(
            rf" +\d+ +0 0xfffffe\w+ 0x\w+ +0x\w+ +{re.escape(DRIVER)} \(1\.0\) [-0-9A-F]{{36}} <1>\n", shown.out
        )
        assert (await mac.run("kmutil", "unload", "-b", DRIVER)).status == 0
        assert (await mac.run("kmutil", "unload", "-b", DRIVER)).status == 3
        assert (await mac.run("kmutil", "showloaded", "--list-only", "--bundle-identifier", DRIVER)).out == ""
        assert DRIVER in (await mac.run("kmutil", "showloaded", "--collection", "aux", "--show", "all")).out

    play(story())


@pytest.mark.parametrize("environment", ["macos", "recovery"])
def test_no_shell_finds_the_receipt_or_the_approved_list(
    lab: Any, play: Any, make_kext: Make, environment: str
) -> None:
    """A real Mac shows the receipt's hash alone, and the list only as rows of KextPolicy."""

    async def story() -> None:
        mac = lab()
        await lowered(mac, "-k")
        await mac.macos()
        await mac.run("kmutil", "load", "-p", mac.install(make_kext()))
        mac.machine.kernel.approve(mac.machine.kernel.pending()[0], "admin")
        assert mac.machine.sep.policy().auxr
        if environment == "recovery":
            await mac.one_true_recovery()
        root = "/" if environment == "macos" else "/Volumes/Macintosh HD/"
        folders = [root + name for name in ("Library", "System", "Users", "private")]
        assert "Info.plist" in (await mac.run("grep", "-rl", DRIVER, *folders)).out
        assert (await mac.run("grep", "-rl", "TeamIdentifier", *folders)).out == ""

    play(story())


def test_showloaded_lists_apples_kexts_first(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        shown = await mac.run("kmutil", "showloaded", user="admin")
        lines = shown.out.splitlines()
        assert lines[0] == "Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>"
        assert re.match(r"    1 +\d+ 0 {18}0 {10}0 {10}com\.apple\.kpi\.bsd \(23\.5\.0\) [-0-9A-F]{36} <>", lines[1])
        assert len(kexts_reader.read(shown.out).rows) == len(lines) - 1 > 40

    play(story())


def test_bputil_shows_the_policy(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        assert (await mac.run("bputil", "-d", user="admin")).status == 1
        shown = await mac.run("bputil", "-d")
        assert shown.out.splitlines()[6] == "Use at your own risk!"
        assert "OS Type                                       : macOS\n" in shown.out
        assert "Security Mode:               Full       (smb0): absent\n" in shown.out
        (policy,) = bputil_reader.read(shown.out).policies
        assert policy.security_mode == "Full"
        status, _ = await lowered(mac, "-n", "-k")
        assert status == 0
        shown = await mac.run("bputil", "-d")
        assert "OS Type                                       : one true recoveryOS\n" in shown.out
        assert "Security Mode:               Permissive (smb0 && smb1): 1\n" in shown.out
        assert "3rd Party Kexts Status:      Enabled    (smb2): 1\n" in shown.out

    play(story())


@pytest.mark.parametrize(
    ("user", "right", "word"),
    [("admin", False, "authentication"), ("student", True, "ownership"), ("nobody", True, "ownership")],
)
def test_bputil_refuses_who_may_not(lab: Any, play: Any, user: str, right: bool, word: str) -> None:
    async def story() -> None:
        mac = lab()
        await mac.one_true_recovery()
        before = mac.machine.sep.stored
        account = mac.spec.account(user)
        password = account.password if account and right else "guess"
        status, screen = await mac.typed("bputil", "-k", answers=[user, password])
        assert status == 1
        assert "Error Domain=BYErrorDomain Code=401" in screen
        assert word in screen
        assert password not in screen
        assert mac.machine.sep.stored == before

    play(story())


def test_bputil_lowers_nothing_from_macos(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        answers = f"admin\n{mac.password}\n".encode()
        refused = await mac.run("bputil", "-k", input=answers)
        assert refused.status == 1
        assert "environment" in refused.out
        assert (await mac.run("bputil", "-f", input=answers)).status == 0
        assert (await mac.run("bputil", "-f", "-k", input=answers)).status == 1

    play(story())


def test_bputil_full_needs_the_network(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab(missing=frozenset({"PREP-11"}))
        await mac.macos()
        refused = await mac.run("bputil", "-f", input=f"admin\n{mac.password}\n".encode())
        assert refused.status == 1
        assert "Code=102" in refused.out
        assert "BYErrorHint=NetworkRequired" in refused.out

    play(story())


def test_csrutil_disable_moves_to_permissive(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        assert (await mac.run("csrutil", "status")).out == "System Integrity Protection status: enabled.\n"
        refused = await mac.run("csrutil", "disable")
        assert (refused.status, refused.err) == (1, "csrutil: This tool needs to be executed from Recovery OS.\n")
        await mac.one_true_recovery()
        status, screen = await mac.typed("csrutil", "disable", answers=["y", mac.password])
        assert status == 0, screen
        assert "Turning off System Integrity Protection requires modifying system security.\r\n" in screen
        assert 'any kernel extensions for OS "Macintosh HD"? [y/n]: y\r\nEnter password for user admin: \r\n' in screen
        assert screen.endswith(
            "System Integrity Protection is off.\r\nRestart the machine for the changes to take effect.\r\n"
        )
        assert mac.machine.sep.policy().security_mode == "Permissive"
        await mac.macos()
        shown = await mac.run("csrutil", "status")
        assert csrutil_reader.read(shown.out).sip == "disabled"
        assert (await mac.run("kmutil", "load", "-p", mac.install(make_kext(signature=Signature.NONE)))).status == 27

    play(story())


def test_csrutil_with_a_wrong_password_changes_nothing(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.one_true_recovery()
        before = mac.machine.sep.stored
        status, screen = await mac.typed("csrutil", "disable", answers=["y", "wrong"])
        assert status == 1
        assert "authentication" in screen
        assert mac.machine.sep.stored == before

    play(story())


def test_panic_medic_is_for_recovery(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        assert (await mac.run("kmutil", "trigger-panic-medic", "--volume-root", "/")).status == 1
        await mac.one_true_recovery()
        assert (await mac.run("kmutil", "trigger-panic-medic", "--volume-root", "/Volumes/Other")).status == 1
        assert (await mac.run("kmutil", "trigger-panic-medic", "--volume-root", "/Volumes/Macintosh HD")).status == 0

    play(story())


def test_sqlite3_reads_the_real_database(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        await mac.run("kmutil", "load", "-p", mac.install(make_kext()))
        shown = await mac.run("sqlite3", "-readonly", POLICY, "SELECT * FROM kext_policy; SELECT 'end';")
        assert (shown.status, shown.out) == (0, f"KXTRL00001|{DRIVER}|0|Kextrel Sample KXTRL00001|0\nend\n")
        schema = await mac.run("sqlite3", POLICY, ".schema")
        assert schema.out.splitlines()[1].startswith("CREATE TABLE kext_policy ( team_id TEXT, bundle_id TEXT, allowed")
        header = sqlite3.connect(":memory:")
        header.deserialize(mac.machine.disk.read_bytes("/private" + POLICY))
        assert header.execute("SELECT count(*) FROM kext_load_history_v3").fetchone() == (1,)

    play(story())


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '/tmp/kextrel-escape' AS host",
        "VACUUM INTO '/tmp/kextrel-escape'",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "UPDATE kext_policy SET allowed = 1",
        "SELECT nothing",
    ],
)
def test_sqlite3_refuses(lab: Any, play: Any, statement: str) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        refused = await mac.run("sqlite3", "-readonly", POLICY, statement)
        assert refused.status == 1
        assert refused.err.startswith("Error: ")
        assert not Path("/tmp/kextrel-escape").exists()

    play(story())


def test_sip_guards_the_database(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        changed = await mac.run("sqlite3", POLICY, "INSERT INTO kext_policy VALUES ('T', 'b', 1, 'n', 0)")
        assert changed.status == 1
        assert mac.machine.kernel.policy.approvals() == []

    play(story())


@pytest.mark.parametrize(
    ("argv", "status", "output"),
    [
        (("sw_vers",), 0, "ProductName:\t\tmacOS\nProductVersion:\t\t14.5\nBuildVersion:\t\t23F79\n"),
        (("sw_vers", "-productVersion"), 0, "14.5\n"),
        (("sw_vers", "--buildVersion"), 0, "23F79\n"),
        (("sysctl", "-n", "hw.model"), 0, "Macmini9,1\n"),
        (("sysctl", "hw.optional.arm64"), 0, "hw.optional.arm64: 1\n"),
        (("sysctl", "no.such"), 1, "sysctl: unknown oid 'no.such'\n"),
        (("profiles", "status", "-type", "enrollment"), 0, "Enrolled via DEP: No\nMDM enrollment: No\n"),
        (("systemextensionsctl", "list"), 0, "0 extension(s)\n"),
        (("fdesetup", "status"), 0, "FileVault is Off.\n"),
        (("dseditgroup", "-o", "checkmember", "-m", "admin", "admin"), 0, "yes admin is a member of admin\n"),
        (("dseditgroup", "-o", "checkmember", "-m", "student", "admin"), 67, "no student is NOT a member of admin\n"),
        (("defaults", "read", "-g", "AppleKeyboardUIMode"), 0, "3\n"),
        (("spctl", "--status"), 0, "assessments enabled\n"),
        (("nvram", "recovery-boot-mode=unused"), 0, ""),
        (("nvram", "csr-active-config=%00"), 1, "(iokit/common) not permitted\n"),
        (("nvram", "nothing"), 1, "nvram: Error getting variable - 'nothing': (iokit/common) data was not found\n"),
        (("open", "x-apple.systempreferences:com.apple.settings.PrivacySecurity.extension?Security"), 0, ""),
        (("osascript", "-e", 'quit app "System Settings"'), 0, ""),
        (("kmutil", "nonsense"), 64, "See 'kmutil --help' for more information.\n"),
        (("kmutil", "load", "--nonsense"), 64, "See 'kmutil --help' for more information.\n"),
        (("kmutil", "rebuild"), 250, 'Code=-6 "Biometry is not available on this device"\n'),
    ],
)
def test_small_tools(lab: Any, play: Any, argv: tuple[str, ...], status: int, output: str) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        done = await mac.run(*argv)
        assert done.status == status, done.err
        assert (done.out + done.err).endswith(output)

    play(story())


def test_root_is_asked_for(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        refused = await mac.run("kmutil", "load", "-p", mac.install(make_kext()), user="admin")
        assert refused.status != 0
        assert "not privileged" in refused.err
        assert (await mac.run("shutdown", "-r", "now", user="admin")).err == "shutdown: NOT super-user\n"
        assert (await mac.run("nvram", "a=b", user="admin")).status == 1

    play(story())


def test_codesign_shows_what_is_in_the_files(lab: Any, play: Any, make_kext: Make) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        path = mac.install(make_kext())
        shown = await mac.run("codesign", "-dvvv", path)
        assert f"Identifier={DRIVER}\n" in shown.err
        assert "Authority=Kextrel Test Root CA\nTeamIdentifier=KXTRL00001\n" in shown.err
        assert (await mac.run("codesign", "-v", path)).status == 0
        broken = mac.install(make_kext(signature=Signature.BROKEN, bundle_id="com.example.kextrel.broken"))
        said = await mac.run("codesign", "-v", broken)
        assert said.status == 1
        assert "invalid signature (code or signature have been modified)" in said.err
        assert (await mac.run("spctl", "-a", path)).status == 0
        assert (await mac.run("spctl", "-a", broken)).status == 3

    play(story())


def test_shutdown_restarts(lab: Any, play: Any) -> None:
    async def story() -> None:
        mac = lab()
        await mac.macos()
        before = mac.machine.boot_time
        await mac.run("shutdown", "-r", "now")
        await mac.clock.sleep(10)
        await mac.until("macos")
        assert mac.machine.boot_time != before

    play(story())


def test_curl_posts_to_the_loopback_and_nowhere_else(lab: Any) -> None:
    async def story() -> None:
        got: list[bytes] = []

        async def post(request: web.Request) -> web.Response:
            got.append(await request.read())
            return web.Response(text="thanks", status=404 if request.path == "/lost" else 200)

        application = web.Application()
        application.router.add_route("*", "/{path}", post)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        mac = lab()
        await mac.macos()
        sent = await mac.run("curl", "-sS", "-X", "POST", "--data-binary", "@-", f"{url}/note", input=b"two\nlines\n")
        assert (sent.status, sent.out) == (0, "thanks")
        put = await mac.run(
            "curl", "-sf", "-T", "-", "-w", "%{http_code}\\n", "-o", "/dev/null", f"{url}/put", input=b"x"
        )
        assert (put.status, put.out) == (0, "200\n")
        lost = await mac.run("curl", "-sSf", f"{url}/lost")
        assert (lost.status, lost.err) == (22, "curl: (22) The requested URL returned error: 404\n")
        away = await mac.run("curl", "-sS", "http://192.0.2.1/")
        assert away.status == 7
        assert got == [b"two\nlines\n", b"x", b""]
        await runner.cleanup()
        assert (await mac.run("curl", "-s", "--max-time", "2", f"{url}/note")).status == 7

    asyncio.run(story())


def test_options_read_clusters_values_and_ends() -> None:
    found = parse(
        ["-lb", "a", "--show=all", "--collection", "aux", "x", "--", "-y"],
        flags=("list-only",),
        values=("show", "collection", "bundle-identifier"),
        short={"l": "list-only", "b": "bundle-identifier"},
    )
    assert found.given == {"list-only": [], "bundle-identifier": ["a"], "show": ["all"], "collection": ["aux"]}
    assert found.operands == ["x", "-y"]
    with pytest.raises(Exit, match="Missing value for '-b'"):
        parse(["-b"], values=("bundle-identifier",), short={"b": "bundle-identifier"})


def test_an_observation_finds_every_fact(lab: Any, play: Any, make_kext: Make) -> None:
    """The observe script, run by the Mac's own shell, after a kext was allowed and loaded."""

    async def story() -> None:
        mac = lab()
        await lowered(mac, "-k")
        await mac.macos()
        path = mac.install(make_kext())
        await mac.run("kmutil", "load", "-p", path)
        mac.machine.kernel.approve(mac.machine.kernel.pending()[0], "admin")
        await mac.macos()
        token = "observation0000000"
        answer = await mac.run("/bin/sh", user="admin", input=observation.script(token).encode())
        seen = observation.read(answer.stdout, token=token)
        assert seen.problem == ""
        assert not [name for name, field in vars(seen).items() if getattr(field, "value", None) is UNKNOWN]
        assert seen.loaded_kexts.value == seen.aux_kc.value == {DRIVER}
        assert seen.console_user.value == "admin"
        assert seen.auxr.value == mac.machine.sep.policy().auxr
        assert seen.security_mode.value == SecurityMode.REDUCED

    play(story())
