"""Bundles in the place of the suite's samples: which names there are, and when nothing is certified with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kextrel import bundles
from kextrel.certification.suite import Certificate, Order, certify
from kextrel.errors import InputError
from kextrel.vocabulary import Extension, ExtensionKind

STORAGE = Extension("storage", ExtensionKind.KEXT, "com.acme.storage", "ACME123456")
LAB = """\
schema: kextrel/lab/v1
name: ours
macs: {mini: {architecture: apple-silicon, macos: "14.5", virtual: {prepared: true}}}
extensions: {%s: com.acme.storage.kext}
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return bundles.make(STORAGE, tmp_path)


def lab_with(name: str, folder: Path) -> Path:
    path = folder / "lab.yaml"
    path.write_text(LAB % name)
    return path


def test_a_name_that_the_suite_does_not_have_is_refused(storage: Path, tmp_path: Path) -> None:
    order = Order(lab_with("ours", tmp_path), tmp_path / "report", bundles={"drivr": storage})
    with pytest.raises(InputError, match="no shipped scenario has an extension 'drivr'; did you mean 'driver'"):
        certify(order)
    assert not (tmp_path / "report").exists()


def test_a_bundle_of_the_lab_s_must_be_what_the_suite_says_too(storage: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="extension 'agent' is to have kind system-extension"):
        certify(Order(lab_with("agent", tmp_path), tmp_path / "report"))


def held(verdict: str, *names: str) -> dict[str, Any]:
    said = {"verdict": verdict, "rule": None, "reason": f"it was {verdict}"}
    return {"name": "a walk", "verdict": said, "bundles": dict.fromkeys(names, "/a/path")}


@pytest.mark.parametrize(
    ("results", "code", "unheld"),
    [
        ([held("held", "driver"), held("not-checked", "driver")], 0, {}),
        ([held("held"), held("not-checked", "driver")], 4, {"driver": "it was not-checked"}),
        ([held("held")], 4, {"driver": "no scenario that was run has it"}),
        ([held("violated", "driver")], 1, {"driver": "it was violated"}),
    ],
)
def test_what_was_held_with_samples_certifies_no_bundle(
    results: list[dict[str, Any]], code: int, unheld: dict[str, str]
) -> None:
    counts = {"held": 0, "violated": 0, "not-checked": 0, "bench-failed": 0}
    for result in results:
        counts[result["verdict"]["verdict"]] += 1
    done = Certificate(results, counts, Path("report.html"), {"driver": Path("/a/path")})
    assert (done.exit_code, done.unheld) == (code, unheld)
    assert Certificate(results, counts, Path("report.html")).exit_code == (1 if counts["violated"] else 0)
