"""The model against scenarios whose every step somebody foretold by hand: see by_hand.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kextrel import scenario

EXTENSIONS = """\
d: {kind: kext, bundle_id: com.x.d}
e: {kind: kext, bundle_id: com.x.e, team_id: KXTRL00002}
f: {kind: kext, bundle_id: com.x.f}
o: {kind: kext, bundle_id: com.x.o, path: /Library/Application Support/Other}
old: {kind: kext, bundle_id: com.x.old, installed_before: "10.12"}
u: {kind: kext, bundle_id: com.x.u, notarized: false}
x: {kind: kext, bundle_id: com.x.x, signature: none}
a: {kind: kext, bundle_id: com.x.a, signature: ad-hoc, architectures: [arm64e]}
b: {kind: kext, bundle_id: com.x.b, signature: broken}
bad: {kind: kext, bundle_id: com.x.bad, banned: true}
k: {kind: kext, bundle_id: com.x.k, symbols: [kauth_listen_scope]}
s: {kind: kext, bundle_id: com.x.s, symbols: [sock_send, sock_socket]}
k4: {kind: kext, bundle_id: com.x.k4, symbols: [_sflt_register]}
k5: {kind: kext, bundle_id: com.x.k5, libraries: [com.apple.iokit.IOHIDFamily]}
k6: {kind: kext, bundle_id: com.x.k6, libraries: [com.apple.iokit.IOUSBFamily]}
k7: {kind: kext, bundle_id: com.x.k7, libraries: [com.apple.iokit.IONetworkingFamily, com.apple.iokit.IOUSBHostFamily]}
k8: {kind: kext, bundle_id: com.x.k8, libraries: [com.apple.iokit.IOSerialFamily, com.apple.iokit.IOUSBHostFamily]}
k9: {kind: kext, bundle_id: com.x.k9, libraries: [com.apple.iokit.IOUSBHostFamily], user_client: true}
k10: {kind: kext, bundle_id: com.x.k10, libraries: [com.apple.iokit.IONetworkingFamily, com.apple.iokit.IOPCIFamily]}
dk: {kind: system-extension, category: driver, bundle_id: com.x.dk}
n: {kind: system-extension, category: network, bundle_id: com.x.n}
es: {kind: system-extension, category: endpoint-security, bundle_id: com.x.es}
away: {kind: system-extension, category: network, bundle_id: com.x.away, app_in_applications: false}
adhoc: {kind: system-extension, category: network, bundle_id: com.x.adhoc, signature: ad-hoc}
bare: {kind: system-extension, category: endpoint-security, bundle_id: com.x.bare, entitlements: []}
"""
FIELDS = {
    "loaded": "loaded_kexts",
    "aux": "aux_kc",
    "rec": "receipt",
    "uakl": "uakl",
    "km": "kext_management",
    "mode": "security_mode",
    "sip": "sip",
    "boot": "boot",
    "sys": "system_extensions",
}


@dataclass(frozen=True)
class Foretold:
    """One paragraph: a scenario's text, and of each step its outcomes and what is read then."""

    name: str
    document: str
    steps: tuple[tuple[str, list[str], dict[str, Any]], ...]


def paragraphs() -> Iterator[Foretold]:
    _, *texts = (Path(__file__).parent / "by_hand.txt").read_text(encoding="utf-8").strip().split("\n\n")
    for text in texts:
        first, *lines = text.splitlines()
        steps = [line.split(" => ") for line in lines if " => " in line]
        there = [line for line in lines if " => " not in line]
        yield Foretold(first.removeprefix("# "), document(first, there, [step for step, _ in steps]), foretold(steps))


def document(first: str, there: list[str], steps: list[str]) -> str:
    """Only a scenario that speaks of `old` has it, for it lies on the disk from the start."""
    words = {word for step in steps for word in re.split(r"\W+", step)}
    used = [line for line in EXTENSIONS.splitlines() if line.split(":")[0] in words]
    named = ["schema: kextrel/scenario/v1", f'name: "{first.removeprefix("# ")}"', *there]
    return "\n".join(
        [
            *named,
            *(["extensions:", *(f"  {one}" for one in used)] if used else []),
            "steps:",
            *(f"  - {one}" for one in steps),
        ]
    )


def foretold(steps: list[list[str]]) -> tuple[tuple[str, list[str], dict[str, Any]], ...]:
    found = []
    for step, end in steps:
        outcomes, _, read = end.partition(";")
        words = re.findall(r"(\w+)=(.*?)(?=\s+\w+=|$)", read.strip())
        found.append((step, [one.strip() for one in outcomes.split("|")], {FIELDS[n]: value(n, t) for n, t in words}))
    return tuple(found)


def value(name: str, text: str) -> Any:
    names = [one for one in text.split(",") if one]
    if name in ("loaded", "aux", "rec", "uakl"):
        return [f"com.x.{one}" for one in names]
    if name == "sys":
        return {f"com.x.{one.split(':')[0]}": one.split(":")[1] for one in names}
    plain: dict[str, Any] = {"true": True, "false": False, "None": None}
    return names if name == "km" else plain.get(text, text)


@pytest.mark.parametrize("told", [pytest.param(one, id=one.name.replace(" ", "-")) for one in paragraphs()])
def test_what_was_foretold_by_hand_is_predicted(told: Foretold, tmp_path: Path) -> None:
    path = tmp_path / "told.mac.yaml"
    path.write_text(told.document, encoding="utf-8")
    (one,) = scenario.load(path)
    steps = scenario.predict(one)["steps"]
    assert [said(step, read) for step, (_, _, read) in zip(steps, told.steps, strict=True)] == [
        (outcomes, len(outcomes) > 1, read) for _, outcomes, read in told.steps
    ]


def said(step: dict[str, Any], read: dict[str, Any]) -> tuple[list[str], bool, dict[str, Any]]:
    outcomes = [" ".join(filter(None, (one["outcome"], one.get("reason")))) for one in step["outcomes"]]
    return outcomes, step["open"], {name: step["state"][name] for name in read}
