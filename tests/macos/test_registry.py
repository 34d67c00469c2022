"""Command lines as people type them find their reader."""

from __future__ import annotations

import pytest

from kextrel.errors import UnreadableAnswer, UsageError
from kextrel.macos import commandline, kextpolicy, kexts, load, logs, mobileconfig, sessions, sysext
from kextrel.macos.registry import COMMANDS, reader

POLICY = "Current local policy:\nOS Type : macOS\nLocal policy:\nSecurity Mode:  Full  (smb0): absent\n"


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("LANG=C sudo kmutil load -p '/Library/Extensions/a b.kext'", load.read_text),
        ("sudo kextutil -v X.kext", load.read_text),
        ('kextstat | grep -E "A|B"', kexts.read),
        ("/usr/bin/kmutil showloaded --collection aux --show all 2>&1", kexts.read),
        ("kextstat -lb <id> (x4)", kexts.read),
        ("systemextensionsctl list;", sysext.read),
        ("$ systemextensionsctl list", sysext.read),
        ("lab@mini ~ % systemextensionsctl list", sysext.read),
        ("bash-3.2# /usr/bin/kmutil load -p X.kext", load.read_text),
        ("log show --predicate 'process == \"sysextd\"' --last 1h", logs.read),
        ("/usr/bin/kmutil log stream", logs.read),
        ("cd /tmp && kmutil unload -b com.example.x", load.read_text),
        ("sh -c 'exec kmutil load -p X.kext'", load.read_text),
        ("sudo -u root env -i LC_ALL=C nice -n 5 kmutil rebuild", load.read_text),
        ("timeout 20 kmutil showloaded", kexts.read),
        ("launchctl asuser 501 sudo -u lab systemextensionsctl list", sysext.read),
        ("ssh -p 2222 -o BatchMode=yes admin@mini sudo kmutil load -p X.kext", load.read_text),
        ("ssh admin@mini 'sudo kmutil load -p X.kext'", load.read_text),
        ("ssh admin@mini (pre-boot sshd)", sessions.read_ssh),
        ("ssh admin@mini", sessions.read_ssh),
        ("security cms -D -i Policy.mobileconfig", mobileconfig.read),
    ],
)
def test_the_reader_is_found(command, found):
    assert reader(command) is found


@pytest.mark.parametrize(
    "command",
    [
        "sudo -n /usr/bin/bputil -d",
        "sudo -u root bputil --display-all-policies",
        "bputil -d -j",
        "echo x | sudo bputil",
    ],
)
def test_bputil_with_any_options_is_the_boot_policy(command):
    assert reader(command)(POLICY).facts()["security_mode"] == "Full"


@pytest.mark.parametrize(
    ("command", "text", "fact"),
    [
        ("profiles status -type bootstraptoken", "profiles: Bootstrap Token supported on server: YES\n", "supported"),
        ("profiles -S -type enrollment", "MDM enrollment: Yes\n", "mdm"),
        ("spctl -a -vv X.app", "X.app: accepted\n", "accepted"),
        ("spctl --status --verbose", "assessments enabled\n", "gatekeeper"),
        ("plutil -p /Library/SystemExtensions/db.plist", '{\n"extensions" => [\n]\n}\n', "extensions"),
        ("/Library/SystemExtensions/db.plist", '{"extensions": []}', "extensions"),
        ("defaults read /Library/SystemExtensions/db", "{\n extensions = (\n );\n}\n", "extensions"),
        ("./remove.sh (of some vendor)", "failed: OSSystemExtensionErrorDomain 4\n", "code"),
        ("/Applications/X.app/Contents/MacOS/X activate", "kext load failed: -603947007\n", "kr"),
    ],
)
def test_arguments_choose_among_what_one_tool_prints(command, text, fact):
    assert reader(command)(text).facts()[fact] is not None


def test_a_query_names_its_table_and_its_columns():
    read = reader("sudo sqlite3 -readonly /var/db/SystemPolicyConfiguration/KextPolicy 'select * from settings;'")
    assert read("a|b\n").table == "settings"
    assert isinstance(read(""), kextpolicy.KextPolicyAnswer)
    read = reader("sqlite3 KextPolicy 'SELECT bundle_id, allowed FROM kext_policy'")
    assert read("com.example.x|1\n").rows == ({"bundle_id": "com.example.x", "allowed": True},)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_the_sentence_names_is_known(command):
    assert callable(reader(command))


@pytest.mark.parametrize(
    "command", ["", "sudo -n", "| grep x", "ls -la", "systemextensionsctl", "kmutil", "bputil 'unclosed", "sh -c 'x"]
)
def test_other_commands_are_refused(command):
    with pytest.raises(UsageError):
        reader(command)


def test_a_slip_is_told_the_nearest_command():
    with pytest.raises(UsageError, match="did you mean 'csrutil status'"):
        reader("csrutils status")


def test_an_app_that_says_nothing_of_an_extension_is_refused():
    with pytest.raises(UnreadableAnswer):
        reader("./install.sh")("Thank you for choosing us.\n")


def test_shells_in_shells_end_somewhere():
    command = "true"
    for _ in range(6):
        command = f"sh -c {commandline.shlex.quote(command)}"
    assert commandline.parts(command)[0][0] == "sh"
