"""How long each reader takes for 10 MB of what its command prints. The aim is one second; nothing here fails by the
clock, but reading must bring facts, so that a reader that gives up early is no fast one.

    pytest tests/benchmarks/test_parsers.py --benchmark-only --benchmark-timer=time.process_time --benchmark-columns=min

Without --benchmark-only, as in the whole suite, a fiftieth of that is read.
"""

from __future__ import annotations

import json
import plistlib
from collections.abc import Callable
from typing import Any

import pytest

from kextrel.macos.registry import reader

FULL = 10_000_000

_KEXT = (
    "  {n}    1 0xffffff7f81581000 0x13000    0x13000    com.example.driver.Part{n} (3.16.19) "
    "982B4E1F-BE2D-4D6A-8E6F-38E7167E66F6 <108 107 106 12 11 7 6 5 4 3 1>\n"
)
_POLICY = (
    "Local policy for volume group 11111111-2222-4333-8444-5555{n:08d}:\nOS environment:\n"
    "OS Type                                       : macOS\nLocal policy:\n"
    "User Authorized Kext List Hash          (auxp): " + "0123456789ABCDEF" * 6 + "\n"
    "Security Mode:               Reduced    (smb0): 1\n3rd Party Kexts Status:      Enabled    (smb2): 1\n"
)
_LOG = (
    "2025-02-19 08:56:35.549579-0800 0xaeed     Default     0x0                  283    0    sysextd: "
    "[com.apple.sx:StateChanges] extension KXTRL00001 com.example.filter{n} (1.0/{n}) advancing state from "
    "validating_by_category to activated_waiting_for_user\n"
)
_ROW = "*\t*\tKXTRL00001\tcom.example.filter{n} (1.0/{n})\tLab Filter [{n}]\t[activated enabled]\n"
_REFUSED = (
    'Error Domain=KMErrorDomain Code=29 "Authenticating extension failed: Kext com.example.driver{n} v1.{n} in '
    "executable kext bundle com.example.driver{n} at /private/var/db/KernelExtensionManagement/Staging/X/driver.kext:"
    '\n\nAuthenticating extension failed: Bad code signature"\n'
)
_CONFIGURATION = "_computerlevel[{n}] attribute: profileIdentifier: com.example.profile{n}\n"
_POLICY_ROW = "KXTRL00001|com.example.driver{n}|1|Kextrel | Lab|8\n"
_PRETTY = (
    '    {n} => {{\n      "identifier" => "com.example.filter{n}"\n      "teamID" => "KXTRL00001"\n'
    '      "state" => "activated_enabled"\n      "bundleVersion" => {{\n        "CFBundleVersion" => "{n}"\n'
    "      }}\n    }}\n"
)
_SERVICE = (
    "+-o Lab  <class IOUserService, id 0x10{n:07x}, registered, matched, active, busy 0 (1 ms), retain 8>\n    {{\n"
    '      "IOUserServerCDHash" = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"\n      "IOProbeScore" = 1000\n'
    '      "IOUserServerName" = "com.example.driver{n}"\n      "IOClass" = "IOUserService"\n    }}\n    \n'
)
_LOGIN = "admin     ttys{n:03d}                   Mon Oct 27 19:51 - 19:52  (00:01)\n"


@pytest.fixture
def size(request) -> int:
    """Characters of one input."""
    return FULL if request.config.getoption("benchmark_only", False) else FULL // 50


def repeated(size: int, line: str, before: str = "", after: str = "") -> str:
    """About `size` characters of `line` with another number each time."""
    count = (size - len(before) - len(after)) // len(line.format(n=50_000)) + 1
    return before + "".join(line.format(n=number) for number in range(count)) + after


def property_list(length: int, body: Callable[[int], Any], name: str) -> bytes:
    size = len(plistlib.dumps([body(50_000)] * 1000)) // 1000
    return plistlib.dumps({name: [body(number) for number in range(length // size)]})


def _record(number: int) -> dict[str, Any]:
    return {"identifier": f"com.example.x{number}", "state": "activated_enabled", "categories": ["network"]}


def _payload(number: int) -> dict[str, Any]:
    return {"PayloadType": "com.apple.system-extension-policy", "AllowedTeamIdentifiers": [f"KXTRL{number:05d}"]}


def _profile(number: int) -> dict[str, Any]:
    return {"ProfileIdentifier": f"com.example.{number}", "ProfileItems": [_payload(number)]}


def _logged(number: int) -> str:
    message = f"extension KXTRL00001 com.example.x (1/{number}) advancing state from realizing to staging"
    return json.dumps({"timestamp": "2025-02-19", "processImagePath": "/x/sysextd", "eventMessage": message}) + "\n"


INPUTS: dict[str, tuple[str, Callable[[int], str | bytes], str]] = {
    "kexts": ("kmutil showloaded", lambda size: repeated(size, _KEXT), "rows"),
    "kexts-wrapped": (
        "kextstat",
        lambda size: repeated(size, _KEXT.replace(" <", "\n<").replace("com.", "\ncom.")),
        "rows",
    ),
    "load": ("kmutil load", lambda size: repeated(size, _REFUSED), "bundle_id"),
    "bputil": ("bputil -e", lambda size: repeated(size, _POLICY), "policies"),
    "csrutil": ("csrutil status", lambda size: repeated(size, "\tKext Signing: disabled\n"), "protections"),
    "kextpolicy": ("sqlite3 KextPolicy 'select * from kext_policy'", lambda size: repeated(size, _POLICY_ROW), "rows"),
    "enrollment": ("profiles status -type enrollment", lambda size: repeated(size, "MDM enrollment: Yes\n"), "mdm"),
    "profiles": ("profiles show", lambda size: repeated(size, _CONFIGURATION), "profiles"),
    "profiles-xml": (
        "profiles show -output stdout-xml",
        lambda size: property_list(size, _profile, "_computerlevel"),
        "profiles",
    ),
    "sysctl": ("sysctl -a", lambda size: repeated(size, "hw.example.value{n}: {n}\n"), "values"),
    "hardware": (
        "system_profiler SPHardwareDataType",
        lambda size: repeated(size, "  Chip: Apple M2\n  Row{n}: x\n"),
        "chip",
    ),
    "extensions": ("systemextensionsctl list", lambda size: repeated(size, _ROW), "extensions"),
    "extensions-wrapped": (
        "systemextensionsctl list",
        lambda size: repeated(size, _ROW.replace("Filter ", "\n")),
        "extensions",
    ),
    "store-xml": (
        "cat /Library/SystemExtensions/db.plist",
        lambda size: property_list(size, _record, "extensions"),
        "states",
    ),
    "store-pretty": (
        "plutil -p /Library/SystemExtensions/db.plist",
        lambda size: repeated(size, _PRETTY, '{\n"extensions" => [\n', "]\n}\n"),
        "states",
    ),
    "mobileconfig": (
        "cat X.mobileconfig",
        lambda size: property_list(size, _payload, "PayloadContent"),
        "payload_type",
    ),
    "codesign": (
        "codesign -dvvv X",
        lambda size: repeated(size, "Authority=Developer ID Application: Lab {n}\n"),
        "authorities",
    ),
    "assess": ("spctl --assess -v", lambda size: repeated(size, "/Applications/X{n}.app: accepted\n"), "accepted"),
    "last": ("last", lambda size: repeated(size, _LOGIN, "reboot time      Mon Oct 27 19:48\n"), "reboot"),
    "nvram": ("nvram -p", lambda size: repeated(size, "variable{n}\tvalue%00\n"), "values"),
    "ioreg": ("ioreg -rlw0 -k IOUserServerName", lambda size: repeated(size, _SERVICE), "drivers"),
    "log": ("log show", lambda size: repeated(size, _LOG), "transitions"),
    "log-json": (
        "log show --style ndjson",
        lambda size: "".join(_logged(n) for n in range(size // len(_logged(50_000)))),
        "transitions",
    ),
}


@pytest.mark.parametrize(("command", "make", "fact"), INPUTS.values(), ids=INPUTS)
def test_ten_megabytes(benchmark, size, command, make, fact):
    text = make(size)
    assert size * 0.7 < len(text) < size * 1.2
    reading = benchmark.pedantic(reader(command), args=(text,), rounds=1, iterations=1)
    assert reading.facts()[fact]


@pytest.mark.parametrize("command", sorted({command for command, _, _ in INPUTS.values()}))
def test_one_line_of_ten_megabytes_that_nothing_knows(benchmark, size, command):
    text = "A sentence of no tool, " * (size // 23)

    def refused() -> str:
        try:
            return str(reader(command)(text).unparsed)[:200]
        except Exception as error:  # noqa: BLE001 - which one it is, is asserted below
            return type(error).__name__

    said = benchmark.pedantic(refused, rounds=1, iterations=1)
    assert said == "UnreadableAnswer" or "A sentence" in said
