"""What the tools print in other states and releases than the captures show: command, text, facts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kextrel.macos.registry import reader

UUID = "11111111-2222-4333-8444-555555555555"

FACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # systemextensionsctl, the other verbs
    "developer mode": ("systemextensionsctl developer", "Developer mode is on\n", {"developer_mode": True}),
    "sip in the way, wrapped": (
        "systemextensionsctl uninstall - com.example.a",
        "At this time, this tool cannot be used if System Integrity\nProtection is enabled.\n",
        {"error": "sip_enabled"},
    ),
    # bputil
    "reduced": (
        "bputil -d",
        "Operating on Volume Group UUID 11111111-2222-4333-8444-555555555555\nCurrent local policy:\nOS environment:\n"
        "OS Type                                       : one true recoveryOS\n"
        "OS Pairing Status                             : Paired\n\nLocal policy:\n"
        "Security Mode:               Reduced    (smb0): 1\n3rd Party Kexts Status:      Enabled    (smb2): 1\n"
        "SIP Status:                  Customized (sip0): 7f\n",
        {
            "security_mode": "Reduced",
            "smb0": 1,
            "smb1": None,
            "smb2": 1,
            "sip0": "7f",
            "third_party_kexts": True,
            "os_type": "one true recoveryOS",
            "pairing": "Paired",
            "volume_groups": [UUID],
        },
    ),
    "lost blanks": (
        "bputil -d",
        "Local policy:\nSecurityMode:Permissive(smb0&&smb1):1\n3rd Party Kexts Status:Enabled(smb2):1\n",
        {"security_mode": "Permissive", "smb1": 1, "smb2": 1, "third_party_kexts": True},
    ),
    "json": (
        "sudo bputil -d -j",
        json.dumps({"local policy": {"smb0": True, "smb1": None, "smb2": 1, "sip0": "0x7f"}}),
        {"security_mode": "Reduced", "smb0": 1, "smb1": "absent", "smb2": 1, "third_party_kexts": True},
    ),
    "no root": ("bputil -d", "bputil must be run as root\n", {"error": "not_root", "policies": 0}),
    "a store's name before the variable": (
        "nvram 7C436110-AB2A-4BBB-A880-FE41995C9F82:csr-active-config",
        "7C436110-AB2A-4BBB-A880-FE41995C9F82:csr-active-config\tw%00%00%00\n",
        {"sip_bits": 0x77, "value": "w%00%00%00"},
    ),
    "certificates out of reach": (
        "codesign -dvv App.app",
        "Executable=/Applications/App.app/Contents/MacOS/App\nIdentifier=com.example.app\nAuthority=(unavailable)\n"
        "TeamIdentifier=KXTRL00001\n",
        {"authorities": [], "team_id": "KXTRL00001", "signed": True},
    ),
    # an app's request, in other apps' words
    "replaced, and how it ended is cut": (
        "sudo Lab.app/Contents/MacOS/Lab activate",
        "activation of com.example.hid is requested\nrequest of com.example.hid requires user approval\n"
        "com.example.hid will be replaced to 1.8.0 from 1.6.0\nrequest of com.example.hid is finished\n",
        {"action": "activate", "bundle_id": "com.example.hid", "replaced": ["1.6.0", "1.8.0"], "result": None},
    ),
    "ends with a restart": (
        "sudo Lab.app/Contents/MacOS/Lab activate",
        "deactivation of com.example.hid is requested\nrequest of com.example.hid is finished\n"
        "request of com.example.hid requires reboot\n",
        {"action": "deactivate", "result": "willCompleteAfterReboot", "code": None},
    ),
    "an error by its description": (
        "sudo Lab.app/Contents/MacOS/Lab activate",
        "request of com.example.hid is failed with error: extension category returned error\n",
        {"bundle_id": "com.example.hid", "code": 9, "domain": "OSSystemExtensionErrorDomain", "result": None},
    ),
    "a version for another": (
        "sudo Lab.app/Contents/MacOS/Lab activate",
        "Replacing extension com.example.filter version 1.0 with version 1.1\n",
        {"bundle_id": "com.example.filter", "replaced": ["1.0", "1.1"], "result": None},
    ),
    "lines left out of a log": (
        "kmutil log show",
        "$ kmutil log show\n...\n2022-02-04 14:35:49.501178-0500 0x3d0908   Error       0x0                  102    "
        "0    kernelmanagerd: library rebuild request failed: Extension with identifiers com.example.n not approved to "
        "load. Please approve using System Preferences.\n...\n",
        {"reason": "approval_required", "identifiers": ["com.example.n"]},
    ),
    "flags below the wrong heading": (
        "bputil -d",
        "Local policy for volume group 11111111-2222-4333-8444-555555555555:\nOS environment:\n"
        "Boot Args Filtering Status:  Enabled    (sip3): absent\n",
        {"sip3": "absent", "boot_args_filtering": True, "volume_groups": [UUID]},
    ),
    # what stands around an answer
    "a verb above is no complaint": (
        "csrutil authenticated-root status",
        "user@mac ~ % csrutil authenticated-root status\nAuthenticated Root status: enabled\n",
        {"ssv": "enabled", "error": None},
    ),
    "a shell's prompt is no variable": (
        "nvram csr-active-config",
        "➜  ~ nvram csr-active-config\ncsr-active-config\tw%00%00%00\n➜  ~ \n",
        {"name": "csr-active-config", "sip_bits": 0x77},
    ),
    "sudo's password": (
        "sudo bputil -d",
        "Password:\nSecurity Mode:               Full       (smb0): absent\n",
        {"prompt": False, "security_mode": "Full"},
    ),
    "a page's number is no chip": (
        "system_profiler SPiBridgeDataType",
        "For more details, please visit https://support.apple.com/kb/HT208050.\nController:\n\n"
        "      Model Identifier: Mac15,9\n      Boot Policy:\n        Secure Boot: Full Security\n",
        {"t2": False, "model": "Mac15,9"},
    ),
    # the tools before kmutil, which had no KMErrorDomain
    "an invalid signature that was let pass": (
        "sudo kextcache -i /",
        "kext-dev-mode allowing invalid signature -67030 0xFFFFFFFFFFFEFA2A for kext LabNet.kext\n"
        "KernelCache ID: 296EE9337ED4F9600790ECD041F1F968\n",
        {"reason": None, "code": None, "csstatus": -67030},
    ),
    "left out of a cache": (
        "sudo kextcache -i /",
        'Kext rejected due to improper filesystem permissions: <OSKext 0x7fa446621880 [0x7fff912328c0]> { URL = "file:///'
        'Library/Extensions/Lab.kext/", ID = "com.example.lab" }\n'
        "/Library/Extensions/Lab.kext does not authenticate; omitting.\n",
        {"reason": "ownership", "bundle_id": "com.example.lab", "culprit_path": "/Library/Extensions/Lab.kext"},
    ),
    "blocked, by kextload": (
        "sudo kextload /Library/Extensions/Lab.kext",
        "/Library/Extensions/Lab.kext failed to load - (libkern/kext) system policy prevents loading; check the "
        "system/kernel logs for errors or try kextutil(8).\n",
        {"reason": "approval_required", "code": None},
    ),
    # csrutil
    "custom of 10.11": (
        "csrutil status",
        "System Integrity Protection status: enabled (Custom Configuration).\n\nConfiguration:\n"
        "\tApple Internal: disabled\n\tKext Signing: disabled\n\tFilesystem Protections: enabled\n"
        "\tDebugging Restrictions: enabled\n\tDTrace Restrictions: enabled\n\tNVRAM Protections: enabled\n\n"
        "This is an unsupported configuration, likely to break in the future and leave your machine in an unknown "
        "state.\n",
        {"sip": "custom", "protections": 6, "kext_signing": False, "debugging": True, "ssv": None},
    ),
    "broken between words": (
        "csrutil status",
        "System Integrity Protection status: unknown (Custom\nConfiguration).\n",
        {"sip": "custom"},
    ),
    "Apple's own Macs": (
        "csrutil status",
        "System Integrity Protection status: enabled (Apple Internal).\n",
        {"sip": "enabled"},
    ),
    "cut in its parenthesis": ("csrutil status", "System Integrity Protection status: enabled (Cust", {"sip": None}),
    "the volume": ("csrutil authenticated-root status", "Authenticated Root status: enabled\n", {"ssv": "enabled"}),
    "needs recovery, longer": (
        "csrutil disable",
        "csrutil: failed to modify system integrity configuration. This tool needs to be executed from the Recovery "
        "OS.\n",
        {"error": "needs_recovery"},
    ),
    "changed in recovery": (
        "csrutil disable",
        "Successfully disabled System Integrity Protection. Please restart the machine for the changes to take "
        "effect.\n",
        {"sip": "disabled", "error": None},
    ),
    "changed in part": (
        "csrutil enable --without kext",
        "csrutil: requesting an unsupported configuration. This is likely to break in the future and leave your "
        "machine in an unknown state.\nSuccessfully enabled System Integrity Protection. Please restart the machine "
        "for the changes to take effect.\n",
        {"sip": "custom", "error": None},
    ),
    "changed in part, on a narrow terminal": (
        "csrutil enable --without kext",
        "csrutil: requesting an unsupp\norted configuration. This is\nlikely to break in the future.\n"
        "Successfully enabled System Integrity Protection. Please restart the machine.\n",
        {"sip": "custom", "error": None},
    ),
    # profiles
    "enrolled by a user": (
        "sudo profiles status -type enrollment",
        "Enrolled via DEP: No\nMDM enrollment: Yes (User Approved)\nMDM server: https://mdm.example.org/server\n",
        {"dep": False, "mdm": True, "user_approved": True, "server": "https://mdm.example.org/server"},
    ),
    "not approved": (
        "profiles status -type enrollment",
        "Enrolled via DEP: No\nMDM enrollment: Yes\n",
        {"user_approved": False},
    ),
    "cut in the note": ("profiles status -type enrollment", "MDM enrollment: Yes (User Appr", {"user_approved": None}),
    "cut before it": ("profiles status -type enrollment", "MDM enrollment: Yes", {"mdm": True, "user_approved": None}),
    "10.13": (
        "profiles status",
        "An enrollment profile is currently installed on this system\n",
        {"mdm": True, "dep": None, "user_approved": None},
    ),
    "no profile": (
        "profiles show",
        "There are no configuration profiles installed for user 'lab'\n",
        {"profiles": []},
    ),
    "none in the system": (
        "profiles list",
        "There are no configuration profiles installed in the system domain\n",
        {"profiles": []},
    ),
    "assigned": (
        "sudo profiles show -type enrollment",
        'Device Enrollment configuration:\n{\n    ConfigurationURL = "https://mdm.example.org/enroll";\n'
        "    IsMDMUnremovable = 1;\n    IsMandatory = 1;\n    IsSupervised = 1;\n"
        "    SkipSetup =     (\n        Siri\n    );\n}\n",
        {"assigned": True, "server": "https://mdm.example.org/enroll", "removable": False, "supervised": True},
    ),
    "not assigned": (
        "profiles show -type enrollment",
        "Device Enrollment configuration:\n(null)\n",
        {"assigned": False, "server": None},
    ),
    "asked too often": (
        "profiles show -type enrollment",
        "Error fetching Device Enrollment configuration: Request too soon.  Try again later.\n",
        {"error": "rate_limited", "assigned": None},
    ),
    "token": (
        "profiles status -type bootstraptoken",
        "profiles: Bootstrap Token supported on server: YES\nprofiles: Bootstrap Token escrowed to server: NO\n",
        {"supported": True, "escrowed": False},
    ),
    "security info": (
        "sudo /usr/libexec/mdmclient QuerySecurityInfo",
        "SecurityInfo:\n{\n    SecureBoot =     {\n        ExternalBootLevel = disallowed;\n"
        "        SecureBootLevel = medium;\n        ReducedSecurity = {\n            AllowsUserKextApproval = 1;\n"
        "        };\n    };\n    SystemIntegrityProtectionEnabled = 1;\n    FDE_Enabled = 0;\n}\n",
        {
            "secure_boot": "medium",
            "sip": True,
            "filevault": False,
            "allows_user_kext_approval": True,
            "allows_mdm": None,
        },
    ),
    # spctl, stapler, codesign
    "Gatekeeper in words": (
        "spctl --status -v",
        "assessments enabled\ndeveloper id disabled\n",
        {"gatekeeper": True, "developer_id": False, "error": None},
    ),
    "Gatekeeper off": ("spctl --status", "assessments disabled\n", {"gatekeeper": False, "developer_id": None}),
    "turned off by Settings only": (
        "sudo spctl --global-disable",
        "Globally disabling the assessment system needs to be confirmed in System Settings.\n",
        {"error": "needs_confirmation"},
    ),
    "rejected": (
        "spctl -a -vv -t install X.pkg",
        "X.pkg: rejected\nsource=Unnotarized Developer ID\norigin=Developer ID Installer: Lab (KXTRL00001)\n",
        {"accepted": False, "source": "Unnotarized Developer ID", "override": None},
    ),
    "accepted since it is off": (
        "spctl --assess --verbose X.app",
        "X.app: accepted\noverride=security disabled\n",
        {"accepted": True, "override": "security disabled", "source": None},
    ),
    "no verdict": (
        "spctl --assess X.app",
        "/Applications/X.app: a sealed resource is missing or invalid\n",
        {"accepted": None, "reason": "a sealed resource is missing or invalid"},
    ),
    "consent off": (
        "spctl kext-consent status",
        "Kernel Extension User Consent: DISABLED\n",
        {"consent": "DISABLED"},
    ),
    "consent, from macOS": (
        "spctl kext-consent add KXTRL00001",
        "spctl: kext-consent can only be used from the Recovery OS\n",
        {"error": "needs_recovery", "consent": None},
    ),
    "consent's teams": (
        "sudo spctl kext-consent list",
        "Allowed Team Identifiers:\nKXTRL00001\nKXTRL00002\n",
        {"teams": ["KXTRL00001", "KXTRL00002"], "consent": None},
    ),
    "no ticket": (
        "stapler validate X.app",
        "Processing: /Applications/X.app\nX.app does not have a ticket stapled to it.\n",
        {"stapled": False, "path": "/Applications/X.app", "code": None},
    ),
    "stapler could not look": (
        "xcrun stapler validate X.app",
        "Processing: /X.app\nThe validate action failed! Error 68.\n",
        {"stapled": None, "code": 68},
    ),
    "unsigned": ("codesign -dv X.kext", "X.kext: code object is not signed at all\n", {"signed": False}),
    "ad-hoc by the linker": (
        "codesign -dvv X",
        "Executable=/X\nIdentifier=X\nFormat=Mach-O thin (arm64)\n"
        "CodeDirectory v=20400 size=381 flags=0x20002(adhoc,linker-signed) hashes=9+0 location=embedded\n"
        "Signature=adhoc\nInfo.plist=not bound\nTeamIdentifier=not set\nSealed Resources=none\n"
        "Internal requirements=none\n",
        {"adhoc": True, "hardened_runtime": False, "team_id": None, "team_set": False, "authorities": []},
    ),
    "verified": (
        "codesign --verify -vv X.app",
        "X.app: valid on disk\nX.app: satisfies its Designated Requirement\n",
        {"valid": True, "signed": True},
    ),
    "broken": (
        "codesign -v X.app",
        "X.app: a sealed resource is missing or invalid\nIn architecture: arm64\nfile modified: /X.app/a\n",
        {"valid": False, "error": "a sealed resource is missing or invalid"},
    ),
    # the system
    "hardware in German": (
        "system_profiler SPHardwareDataType",
        "Hardware:\n\n    Hardware-Übersicht:\n\n      Modellname: MacBook Pro\n"
        "      Modell-Identifizierung: MacBookPro18,3\n      Chip: Apple M1 Pro\n      Speicher: 16 GB\n",
        {"model": "MacBookPro18,3", "chip": "Apple M1 Pro", "arch": "arm64"},
    ),
    "a virtual Mac": (
        "system_profiler SPHardwareDataType",
        "Hardware:\n\n    Hardware Overview:\n\n      Model Name: Apple Virtual Machine 1\n"
        "      Model Identifier: VirtualMac2,1\n      Chip: Apple M2 (Virtual)\n",
        {"model": "VirtualMac2,1", "chip": "Apple M2 (Virtual)", "t2": None},
    ),
    "a T2 by its controller": (
        "system_profiler SPiBridgeDataType",
        "Controller:\n\n    Controller Information:\n\n      Model Name: Apple T2 Security Chip\n"
        "      Firmware Version: 20.16.4252.0.0,0\n",
        {"model": "Apple T2 Security Chip", "firmware": "20.16.4252.0.0,0", "t2": True},
    ),
    "an Intel kernel": (
        "uname -a",
        "Darwin mini.local 21.6.0 Darwin Kernel Version 21.6.0: Mon Jun 24 00:56:10 PDT 2024; "
        "root:xnu-8020.240.18.709.2~1/RELEASE_X86_64 x86_64\n",
        {"kernel": "RELEASE_X86_64", "machine": "x86_64", "release": "21.6.0", "host": "mini.local"},
    ),
    "a virtual machine's kernel": (
        "uname -v",
        "Darwin Kernel Version 24.1.0: Thu Oct 10 21:05:14 PDT 2024; root:xnu-11215.41.3~2/RELEASE_ARM64_VMAPPLE\n",
        {"kernel": "RELEASE_ARM64_VMAPPLE", "machine": None, "host": None, "release": "24.1.0"},
    ),
    "a kernel in broken lines": (
        "uname -a",
        "Darwin a.local 25.2.0 Darwin Kernel Version 25.2.0: Tue; root:xnu-12377.61.12~1/RELEASE_ARM\n64_T8103 arm64\n",
        {"kernel": "RELEASE_ARM64_T8103", "machine": "arm64"},
    ),
    "the machine alone": ("uname -m", "arm64\n", {"machine": "arm64", "release": None}),
    "names left out": (
        "sysctl -n hw.model hw.optional.arm64",
        "Mac14,3\n1\n",
        {"model": "Mac14,3", "arm64": True},
    ),
    "one value below its prompt": (
        "sysctl -n machdep.cpu.brand_string",
        "$ sysctl -n machdep.cpu.brand_string\nApple M3\n",
        {"cpu": "Apple M3"},
    ),
    "Intel has no such name": (
        "sysctl hw.optional.arm64",
        "sysctl: unknown oid 'hw.optional.arm64'\n",
        {"arm64": False, "absent": ["hw.optional.arm64"]},
    ),
    "a date in Spanish": (
        "sysctl kern.boottime",
        "kern.boottime: { sec = 1700000000, usec = 5 } mar 14 nov 23:13:20 2023\n",
        {"sec": 1700000000, "usec": 5},
    ),
    "before Apple called it macOS": (
        "sw_vers",
        "ProductName:\tMac OS X\nProductVersion:\t10.12.6\nBuildVersion:\t16G2136\n",
        {"version": "10.12.6", "build": "16G2136", "extra": None},
    ),
    "a rapid response": (
        "sw_vers",
        "ProductName:\t\tmacOS\nProductVersion:\t\t13.4.1\nProductVersionExtra:\t(c)\nBuildVersion:\t\t22F770820d\n",
        {"extra": "(c)", "build": "22F770820d"},
    ),
    "T2 policy": (
        "nvram 94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy",
        "94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy\t%01\n",
        {"secure_boot": "medium", "value": "%01"},
    ),
    "the SIP word": (
        "nvram csr-active-config",
        "csr-active-config\tw%08%00%00\n",
        {"sip_bits": 0x877, "name": "csr-active-config"},
    ),
    "as a property list": (
        "nvram -x csr-active-config boot-args",
        '<?xml version="1.0"?>\n<plist version="1.0"><dict><key>csr-active-config</key><data>dwgAAA==</data>'
        "<key>boot-args</key><string>-v</string></dict></plist>\n",
        {"values": {"csr-active-config": "w%08%00%00", "boot-args": "-v"}, "sip_bits": 0x877, "value": None},
    ),
    "a tab that became a blank": ("nvram csr-active-config", "csr-active-config %7f%00%00%00\n", {"sip_bits": 0x7F}),
    "no such variable": (
        "nvram boot-args",
        "nvram: Error getting variable - 'boot-args': (iokit/common) data was not found\n",
        {"absent": ["boot-args"], "value": None, "error": None},
    ),
    "a host that is called like a release": (
        "uname -a",
        "Darwin 10.0.1 20.6.0 Darwin Kernel Version 20.6.0: root:xnu-7195.141.2~5/RELEASE_X86_64 x86_64\n",
        {"host": "10.0.1", "release": "20.6.0", "kernel": "RELEASE_X86_64", "machine": "x86_64"},
    ),
    "a release that nobody knows": (
        "uname -a",
        "Darwin mac 20.6.0-x Darwin Kernel Version 20.6.0: root:xnu-7195.141.2~5/RELEASE_X86_64 x86_64\n",
        {"host": None, "release": None, "kernel": "RELEASE_X86_64", "machine": "x86_64"},
    ),
    "names with a comma": (
        "nvram -p",
        "aapl,panic-info\t%00\n4D1EDE05-38C7-4A6A-9CC6-4BCCA8B38C14:AAPL,Path0000\t%01\n",
        {"values": {"aapl,panic-info": "%00", "4D1EDE05-38C7-4A6A-9CC6-4BCCA8B38C14:AAPL,Path0000": "%01"}},
    ),
    "ended badly": (
        "last -5",
        "reboot    ~                         Mon Mar  9 08:15\nreboot    ~                         Sun Mar  8 20:00\n"
        "shutdown  ~                         Sun Mar  8 19:58\n\nwtmp begins Sat Mar  7 10:11\n",
        {"reboot": "Mon Mar 9 08:15", "clean_shutdown": False, "shutdown": "Sun Mar 8 19:58"},
    ),
    "a shell's greeting is no stay": (
        "last reboot",
        "Last login: Mon Mar  9 09:00:00 on ttys000\nreboot time   Mon Mar  9 08:15\nreboot time   Sun Mar  8 20:00\n",
        {"reboot": "Mon Mar 9 08:15", "clean_shutdown": None},
    ),
    "no ends were asked for": (
        "last -5 reboot",
        "reboot    ~                         Mon Mar  9 08:15\nreboot    ~                         Sun Mar  8 20:00\n\n"
        "wtmp begins Sat Mar  7 10:11\n",
        {"reboot": "Mon Mar 9 08:15", "clean_shutdown": None, "shutdown": None},
    ),
    "one start only": (
        "last reboot",
        "reboot time           Mo 9 Mär 08:15\n",
        {"reboot": "Mo 9 Mär 08:15", "clean_shutdown": None},
    ),
    "refused by ssh": (
        "ssh lab@mini",
        "ssh: connect to host mini port 22: Connection refused\n",
        {"error": "refused", "state": None},
    ),
    "rdma": ("rdma_ctl status", "enabled\n", {"enabled": True, "error": None}),
    # kexts
    "with architectures": (
        "kextstat -a",
        "Index Refs Address            Size       Wired      Architecture Name (Version) UUID <Linked Against>\n"
        f"   77    0 0xffffff7f80a46000 0x9d30     0x9d30     x86_64       com.example.x (1.0) {UUID} <5 3>\n",
        {"rows": [{"name": "com.example.x", "index": 77, "uuid": UUID, "linked": [5, 3]}]},
    ),
    "cut rows": (
        "kextstat",
        f"   77    0 0xffffff7f80a46000 0x9d30     0x9d30     com.example.x (1.0) {UUID} <5 3\n"
        f"   78    0 0xffffff7f80a46000 0x9d30     0x9d30     com.example.y (1.0) {UUID[:20]}\n",
        {"rows": [{"name": "com.example.x", "linked": None}, {"name": "com.example.y", "uuid": None}]},
    ),
    # requests of apps
    "in a sentence": (
        "X.app/Contents/MacOS/X activate",
        "The operation couldn’t be completed. (OSSystemExtensionErrorDomain error 8.)\n",
        {"code": 8, "domain": "OSSystemExtensionErrorDomain", "result": None},
    ),
}


def agrees(got: Any, wanted: Any) -> bool:
    if isinstance(got, list) and isinstance(wanted, int):
        return len(got) == wanted
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(agrees, got, wanted))
    if isinstance(got, dict) and isinstance(wanted, dict):
        return all(agrees(got.get(key, "missing"), value) for key, value in wanted.items())
    return type(got) is type(wanted) and got == wanted


@pytest.mark.parametrize(("command", "text", "facts"), FACTS.values(), ids=FACTS)
def test_facts(command, text, facts):
    got = reader(command)(text).facts()
    assert {
        key: got.get(key, "missing") for key, value in facts.items() if not agrees(got.get(key, "missing"), value)
    } == {}


def test_of_a_kernel_with_an_odd_release_nothing_is_dropped():
    read = reader("uname -a")("Darwin mac 20.6.0-x Darwin Kernel Version 20.6.0: root:xnu-7195/RELEASE_X86_64 x86_64\n")
    assert read.unparsed == ("mac 20.6.0-x",)
