"""What a virtual Mac finds out about a kext, from its files alone."""

from __future__ import annotations

import plistlib
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kextrel.virtual.macos import bundle, macho, plists, trust
from kextrel.virtual.macos import signature as code_signature
from kextrel.virtual.macos.signature import Problem
from kextrel.vocabulary import Signature

Make = Callable[..., Path]
Verdict = Callable[..., bundle.Judgement]


def test_a_developer_id_is_proved(make_kext: Make, verdict: Verdict) -> None:
    found = verdict(make_kext())
    assert found.trusted
    assert (found.team_id, found.signer.developer_name) == ("KXTRL00001", "Kextrel Sample KXTRL00001")
    assert found.signer.authorities[-1] == "Kextrel Test Root CA"
    assert len(found.cdhash) == 40


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (Signature.NONE, Problem.UNSIGNED),
        (Signature.BROKEN, Problem.FAILED),
        (Signature.REVOKED, Problem.REVOKED),
    ],
)
def test_other_signatures_are_not_trusted(make_kext: Make, verdict: Verdict, kind: Signature, problem: Problem) -> None:
    found = verdict(make_kext(signature=kind))
    assert found.problem is problem
    assert not found.trusted
    assert found.team_id == ""


def test_ad_hoc_is_valid_but_proves_nobody(make_kext: Make, verdict: Verdict) -> None:
    found = verdict(make_kext(signature=Signature.AD_HOC))
    assert found.problem is None
    assert found.directory.ad_hoc
    assert not found.trusted


def test_every_byte_of_the_code_is_sealed(make_kext: Make, verdict: Verdict) -> None:
    path = make_kext(architectures=frozenset({"arm64e"}))
    executable = path / "Contents" / "MacOS" / "driver"
    good = executable.read_bytes()
    part = macho.slices(good)[0]
    for at in (40, part.signature_offset // 2, part.signature_offset - 1):
        executable.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert verdict(path).problem in (Problem.FAILED, Problem.UNSIGNED, Problem.MALFORMED), at


def test_no_damage_to_a_signature_is_taken_for_another(make_kext: Make, verdict: Verdict) -> None:
    """Every tenth byte of directory and CMS, each bit pattern turned: an answer each time, and never another team."""
    path = make_kext(architectures=frozenset({"arm64e"}))
    executable = path / "Contents" / "MacOS" / "driver"
    good = executable.read_bytes()
    start = macho.slices(good)[0].signature_offset
    for at in range(start, len(good), 10):
        executable.write_bytes(good[:at] + bytes([good[at] ^ 0x5A]) + good[at + 1 :])
        assert verdict(path).team_id in ("", "KXTRL00001"), at


def test_the_info_plist_is_sealed(make_kext: Make, verdict: Verdict) -> None:
    path = make_kext()
    info = path / "Contents" / "Info.plist"
    info.write_bytes(info.read_bytes().replace(b"10.13", b"10.14"))
    assert verdict(path).problem is Problem.INFO_PLIST


def test_an_added_resource_breaks_the_seal(make_kext: Make, verdict: Verdict) -> None:
    path = make_kext()
    (path / "Contents" / "Resources").mkdir()
    (path / "Contents" / "Resources" / "more").write_text("x")
    found = verdict(path)
    assert found.problem is Problem.RESOURCES
    assert "Resources/more" in found.detail


def test_the_seal_itself_is_sealed(make_kext: Make, verdict: Verdict) -> None:
    path = make_kext()
    seal = path / "Contents" / "_CodeSignature" / "CodeResources"
    seal.write_bytes(seal.read_bytes() + b"\n")
    assert verdict(path).problem is Problem.RESOURCES


def test_an_unknown_anchor_trusts_nobody(make_kext: Make, verdict: Verdict) -> None:
    assert verdict(make_kext(), anchors=trust.Trust()).problem is Problem.UNTRUSTED


def test_an_expired_certificate_is_not_trusted(make_kext: Make, verdict: Verdict) -> None:
    assert verdict(make_kext(), when=datetime(2060, 1, 1, tzinfo=UTC)).problem is Problem.UNTRUSTED


def test_a_signature_of_another_kext_does_not_help(make_kext: Make, verdict: Verdict) -> None:
    """The executable of one kext, put into another bundle: its Info.plist is not the one that was signed."""
    signed, other = make_kext(), make_kext(bundle_id="com.example.kextrel.other", signature=Signature.NONE)
    code = (signed / "Contents" / "MacOS" / "driver").read_bytes()
    (other / "Contents" / "MacOS" / "other").write_bytes(code)
    assert verdict(other).problem is Problem.INFO_PLIST


def test_architectures_come_from_the_mach_o(make_kext: Make, kext_files: bundle.Files) -> None:
    path = make_kext(architectures=frozenset({"x86_64"}))
    kext = bundle.read(kext_files, f"/{path.name}")
    assert kext.architectures == ("x86_64",)
    assert kext.slice_for("arm64e") is None


def test_what_a_kext_wants_of_others_is_read_from_its_files(make_kext: Make, kext_files: bundle.Files) -> None:
    wants = make_kext(symbols=frozenset({"IOLog", "sflt_attach"}), libraries=frozenset({"com.apple.kpi.iokit"}))
    kext = bundle.read(kext_files, f"/{wants.name}")
    assert [one.undefined for one in kext.main] == [frozenset({"_IOLog", "_sflt_attach"})] * 2
    assert (kext.libraries, kext.user_client) == (("com.apple.kpi.iokit",), False)


def test_a_personality_says_whether_programs_talk_to_it(make_kext: Make, kext_files: bundle.Files) -> None:
    path = make_kext(user_client=True)
    assert bundle.read(kext_files, f"/{path.name}").user_client
    info = plistlib.loads((path / "Contents" / "Info.plist").read_bytes())
    for strange in ([], {"a": "b"}, {"a": {"IOClass": "b"}}):
        info["IOKitPersonalities"] = strange
        (path / "Contents" / "Info.plist").write_bytes(plistlib.dumps(info))
        assert not bundle.read(kext_files, f"/{path.name}").user_client


def _slice_with(kind: int, how: int, value: int) -> bytes:
    """A Mach-O of one symbol, "_a", with that n_type, n_desc and n_value."""
    head = struct.pack("<8I6I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 24, 0, 0, 0x2, 24, 56, 1, 72, 4)
    return head + struct.pack("<IBBHQ", 1, kind, 0, how, value) + b"\0_a\0"


@pytest.mark.parametrize(
    ("kind", "how", "value", "wanted"),
    [
        pytest.param(0x01, 0, 0, {"_a"}, id="undefined"),
        pytest.param(0x01, 0x40, 0, set(), id="weak"),
        pytest.param(0x0F, 0, 0, set(), id="defined"),
        pytest.param(0x01, 0, 8, set(), id="common"),
        pytest.param(0x00, 0, 0, set(), id="local"),
        pytest.param(0x21, 0, 0, set(), id="debugger"),
    ],
)
def test_only_what_must_come_from_others_is_undefined(kind: int, how: int, value: int, wanted: set[str]) -> None:
    (part,) = macho.slices(_slice_with(kind, how, value))
    assert part.undefined == wanted


def test_owners_and_modes_are_looked_at(make_kext: Make, kext_files: bundle.Files) -> None:
    path = make_kext()
    (path / "Contents" / "Info.plist").chmod(0o666)
    kext_files.owners["Contents/Info.plist"] = (501, 20)
    kext = bundle.read(kext_files, f"/{path.name}")
    assert kext.ownership() == ("501:20",)
    assert kext.loose_modes() == ("Contents/Info.plist",)


def test_a_link_inside_is_refused(make_kext: Make, kext_files: bundle.Files) -> None:
    path = make_kext()
    (path / "Contents" / "PkgInfo").symlink_to("/etc/passwd")
    with pytest.raises(bundle.BadBundle, match="neither a file nor a directory"):
        bundle.read(kext_files, f"/{path.name}")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a plist",
        plistlib.dumps(["no", "dictionary"]),
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><plist><dict><key>&a;</key><string/></dict></plist>",
        b"<plist>" + b"<array>" * 100_000,
        plistlib.dumps({"a": b"x" * (1 << 20)}),
        b"bplist00" + b"\xa1\x00" * 4 + b"\0" * 40,
    ],
)
def test_a_hostile_plist_is_refused(data: bytes) -> None:
    with pytest.raises(plists.BadPlist):
        plists.mapping(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xcf\xfa\xed\xfe",
        struct.pack(">2I", 0xCAFEBABE, 0xFFFFFFFF),
        struct.pack(">2I5I", 0xCAFEBABE, 1, 0x0100000C, 2, 0xFFFFFFF0, 0xFFFFFFFF, 0),
        struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 2, 11, 0xFFFF, 0, 0, 0),
        struct.pack("<8I2I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 8, 0, 0, 0x1D, 0),
        struct.pack("<8I4I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 16, 0, 0, 0x1D, 16, 8, 0xFFFFFFFF),
        struct.pack("<8I6I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 24, 0, 0, 0x2, 24, 0, 0xFFFFFFFF, 0, 0),
        struct.pack("<8I6I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 24, 0, 0, 0x2, 24, 40, 2, 0, 0),
        struct.pack("<8I6I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 24, 0, 0, 0x2, 24, 0, 0, 0, 0xFFFFFFFF),
        struct.pack("<8I2I", 0xFEEDFACF, 0x0100000C, 2, 11, 1, 8, 0, 0, 0x2, 8),
    ],
)
def test_a_hostile_mach_o_is_refused(data: bytes) -> None:
    with pytest.raises(macho.BadMachO):
        macho.slices(data)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=400), head=st.booleans())
def test_a_hostile_signature_is_refused(data: bytes, head: bool) -> None:
    blob = struct.pack(">3I2I", 0xFADE0CC0, 20 + len(data), 1, 0, 20) + data if head else data
    with pytest.raises(code_signature.Invalid):
        code_signature.parse(blob)
