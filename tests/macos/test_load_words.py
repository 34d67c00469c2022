"""What kmutil and the older kext tools say in other cases than the captures show: command, text, facts."""

from __future__ import annotations

from typing import Any

import pytest

from kextrel.macos.registry import reader

FACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "10.13's consent": (
        "sudo kextload /Library/Extensions/X.kext",
        "/Library/Extensions/X.kext failed to load - (libkern/kext) system policy prevents loading; check the "
        "system/kernel logs for errors or try kextutil(8).\n",
        {"reason": "approval_required", "culprit_path": "/Library/Extensions/X.kext"},
    ),
    "not signed": (
        "sudo kextutil X.kext",
        "Diagnostics for /Library/Extensions/X.kext:\nCode Signing Failure: not code signed\n"
        "Untrusted kexts are not allowed\nERROR: invalid signature for com.example.x, will not load\n",
        {"reason": "not_signed", "signature_ok": False},
    ),
    "an invalid signature, denied": (
        "kextutil X.kext",
        'Kext with invalid signature (-67050) denied: <OSKext 0x7f9123d06580 [0x7fff8a5b2cc0]> { URL = "X.kext/ -- '
        'file:///Library/Extensions/", ID = "com.example.x" }\n',
        {"reason": "bad_code_signature", "csstatus": -67050, "bundle_id": "com.example.x"},
    ),
    "missing at unload": (
        "sudo kmutil unload -b com.example.x",
        'Error Domain=KMErrorDomain Code=3 "Error occurred unloading extensions: Missing extension with identifier '
        'com.example.x"\n',
        {"code": 3, "reason": None},
    ),
    "identifiers in broken lines": (
        "kmutil load -p X.kext",
        "Extension with identifiers com.example.a,com.exam\nple.b not approved to load. Please approve using System\n"
        "Preferences.\n",
        {"identifiers": ["com.example.a", "com.example.b"], "code": 27},
    ),
    "several restarts": (
        "kmutil load",
        'Error Domain=KMErrorDomain Code=28 "Loading extension(s): com.example.a, com.example.b requires a reboot"\n',
        {"identifiers": ["com.example.a", "com.example.b"], "reason": "reboot_required"},
    ),
    "kernel returns in words": (
        "kmutil load",
        "kext load failed: 0xdc00801b\n",
        {"kr": -603946981, "reason": "approval_required"},
    ),
    "broken inside words": (
        "sudo kextload X.kext",
        "/L/X.kext failed to load - (libkern/kext) not loa\ndable (reason unspecified); check the system/kernel lo\n"
        "gs for errors or try kextutil(8).\n",
        {"reason": "not_loadable", "culprit_path": "/L/X.kext"},
    ),
    "an error broken inside words": (
        "kmutil load -p X.kext",
        'Error Domain=KMErrorDomain Code=71 "Missing Devel\noper Kit: As of macOS 13.0, you will need to ins\n'
        'tall a KDK matching your build 24G419 to rebuild kernel collections."\n',
        {"reason": "missing_kdk", "code": 71, "build": "24G419"},
    ),
    "10.13's system policy, by kextutil": (
        "sudo kextutil X.kext",
        'Kext rejected due to system policy: <OSKext 0x7fb7f5614710 [0x7fffa4f5caf0]> { URL = "X.kext/ -- '
        'file:///Library/StagedExtensions/Library/Extensions/", ID = "com.example.x" }\n'
        "Diagnostics for /Library/Extensions/X.kext:\n",
        {"reason": "approval_required", "bundle_id": "com.example.x"},
    ),
    "owners, by kextutil": (
        "kextutil X.kext",
        "Diagnostics for /Library/Extensions/X.kext:\nAuthentication Failures: \n"
        "    File owner/permissions are incorrect (must be root:wheel, nonwritable by group/other): \n"
        "        /Library/Extensions/X.kext\n",
        {"reason": "ownership"},
    ),
    "a property list that lacks something": (
        "kextutil X.kext",
        "Diagnostics for /X.kext:\nValidation Failures: \n    Info dictionary missing required property/value: \n"
        "        CFBundleIdentifier\n",
        {"reason": "validation_errors"},
    ),
    **{
        f"libkern says: {words}": (
            "sudo kextload /L/X.kext",
            f"/L/X.kext failed to load - (libkern/kext) {words}; check the system/kernel logs for errors or try "
            "kextutil(8).\n",
            {"reason": reason, "culprit_path": "/L/X.kext"},
        )
        for words, reason in (
            ("validation failure (plist/executable)", "validation_errors"),
            ("dependency resolution failure", "missing_dependency"),
            ("requested architecture/executable not found", "wrong_arch"),
            ("link error", "undefined_symbols"),
            ("kext (kmod) start/stop routine failed", None),
            ("different version/UUID already loaded", None),
        )
    },
    "in use": (
        "sudo kextunload -b com.example.x",
        "(kernel) Can't unload kext com.example.x; classes have instances:\n"
        "Failed to unload com.example.x - (libkern/kext) kext is in use or retained (cannot unload).\n",
        {"reason": None, "bundle_id": "com.example.x"},
    ),
    "nobody, in damaged text": (
        "sudo kextunload -b com.example.x",
        "Failed to unload  - (libkern/kext) not loadable\nFailed to unload  failed to load - (libkern/kext) x\n",
        {"reason": "not_loadable", "bundle_id": None},
    ),
    "a path broken inside its name": (
        "sudo kextload /L/X.kext",
        "/Library/Ext\nensions.kext failed to load - (libkern/kext) not loadable (reason unspecified).\n",
        {"reason": "not_loadable", "bundle_id": None},
    ),
    "loadable, signed": (
        "kextutil -n -t X.kext",
        "/L/X.kext is loadable (including linkage for on-disk libraries).\n",
        {"loadable": True},
    ),
    "boot policy, by its domain": (
        "kmutil load",
        'Error Domain=KMErrorDomain Code=71 "Boot policy error: Error setting 3rd party kexts tag: '
        'Error Domain=com.apple.bootpolicy Code=17"\n',
        {"reason": "bootpolicy_pairing", "bootpolicy_code": 17},
    ),
    "a collection that lacks a symbol": (
        "kmutil load",
        'Error Domain=KMErrorDomain Code=31 "Error occurred while building a collection: \n\t1 extension(s) failed: '
        "Could not use 'com.example.x' because: Failed to bind '_foo' in 'com.example.x' (at offset 0x0 in __DATA, "
        '__got) as could not find a kext which exports this symbol"\n',
        {"reason": "collection_build_failed", "code": 31, "bundle_id": "com.example.x", "missing": ["_foo"]},
    ),
    "the caches are as they were": ("kextcache -u /", "KernelCache ID: 8AF10CF5\n", {"auxkc_rebuilt": None}),
    "permissive, asked": (
        "kmutil configure-boot -c kernel -v /",
        "Are you sure you want to do this? (enter y or n) \n",
        {"prompt": True},
    ),
}


@pytest.mark.parametrize(("command", "text", "facts"), FACTS.values(), ids=FACTS)
def test_facts(command, text, facts):
    got = reader(command)(text).facts()
    assert {name: got[name] for name in facts} == facts
