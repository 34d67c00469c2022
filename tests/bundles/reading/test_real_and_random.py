"""Real files of strangers are read right; random ones are read, or end in a sentence."""

from __future__ import annotations

import gzip
import plistlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import lief
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kextrel import bundles
from kextrel.bundles.macho import kext_slice
from kextrel.bundles.reading import inspect
from kextrel.bundles.reading.executable import read_slice
from kextrel.bundles.reading.found import Inspected, Signer
from kextrel.bundles.reading.jsonform import inspected_json
from kextrel.bundles.reading.slices import thin_slices
from kextrel.errors import InputError
from kextrel.vocabulary import Category, Extension, ExtensionKind

# Built on a Mac by Apple's tools: MarkupSafe 3.0.2 from the Python index, BSD-3-Clause, its licence lies beside it.
REAL = Path(__file__).parent / "real" / "markupsafe-3.0.2-universal2.so"


def test_a_universal_file_that_apple_s_linker_made() -> None:
    intel, silicon = (read_slice(one) for one in thin_slices(REAL.read_bytes()))
    assert (intel.architecture, intel.file_type, intel.platform, intel.minimum) == ("x86_64", "bundle", "macos", "10.9")
    assert (silicon.architecture, silicon.platform, silicon.minimum) == ("arm64", "macos", "11.0")
    assert intel.libraries == silicon.libraries == ("/usr/lib/libSystem.B.dylib",)
    assert intel.undefined == ("PyModule_Create2", "PyUnicode_New", "_PyUnicode_Ready", "dyld_stub_binder", "memcpy")


def test_it_needs_what_lief_says_that_it_imports() -> None:
    """LIEF's own judgement comes from the bindings, ours from the symbol table."""
    fat = lief.MachO.parse(str(REAL))
    assert fat is not None
    for ours, theirs in zip(thin_slices(REAL.read_bytes()), fat, strict=True):
        imported = {str(one.name).removeprefix("_") for one in theirs.imported_symbols}
        assert set(read_slice(ours).undefined) == imported


def test_a_signature_that_apple_s_linker_made(tmp_path: Path, make: SimpleNamespace) -> None:
    """It signs arm64 ad-hoc and leaves x86_64 as it is; the hashes are right, and there is no Info.plist in them."""
    bundle = make.bundle_of(tmp_path, "a.b.systemextension", {}, [])
    make.with_info(bundle, CFBundleExecutable="main")
    (bundle / "Contents/MacOS/main").write_bytes(REAL.read_bytes())
    code = inspect(bundle).components[0].code
    assert code.signer is Signer.NOBODY
    assert code.damage == ("its slices are not signed alike",)
    (bundle / "Contents/MacOS/main").write_bytes(thin_slices(REAL.read_bytes())[1].content)
    code = inspect(bundle).components[0].code
    assert (code.signer, code.identifier, code.damage) == (Signer.AD_HOC, "_speedups-arm64.out", ())
    changed = bytearray(thin_slices(REAL.read_bytes())[1].content)
    changed[0x3F00] ^= 1
    (bundle / "Contents/MacOS/main").write_bytes(changed)
    assert inspect(bundle).components[0].code.damage == ("the code was changed after it was signed",)


SUPERBLOB = bytes.fromhex("fade0cc0")

# --- random changes: each is read, or refused with a sentence

SOME = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6)
EARLY = st.lists(st.tuples(st.integers(0, 1200), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)


def changed(raw: bytes, changes: list[tuple[float, bytes]] | list[tuple[int, bytes]]) -> bytes:
    found = bytearray(raw)
    for place, value in changes:
        at = int(place * len(found)) if isinstance(place, float) else place
        found[at : at + len(value)] = value
    return bytes(found)


def outcome(path: Path) -> Inspected | None:
    """What is found; None where it was refused. It can always be written as JSON and as a scenario's extensions."""
    try:
        found = inspect(path)
    except InputError as error:
        return refused(str(error), path)
    assert inspected_json(found)["bundles"]
    assert len(found.extensions()) <= len(found.components)
    return found


def refused(sentence: str, path: Path) -> None:
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence


@pytest.fixture(scope="module")
def kext(tmp_path_factory: pytest.TempPathFactory) -> Path:
    extension = Extension("driver", ExtensionKind.KEXT, "com.example.driver", symbols=frozenset({"kauth_listen_scope"}))
    return bundles.make(extension, tmp_path_factory.mktemp("kext"))


@pytest.mark.parametrize("strategy", [CHANGES, EARLY], ids=["anywhere", "in the headers"])
def test_a_changed_executable(kext: Path, strategy: st.SearchStrategy[list[tuple[float, bytes]]]) -> None:
    path = kext / "Contents/MacOS/driver"
    whole = path.read_bytes()

    @SOME
    @given(strategy)
    def check(changes: list[tuple[float, bytes]]) -> None:
        path.write_bytes(changed(whole, changes))
        outcome(kext)

    try:
        check()
    finally:
        path.write_bytes(whole)
    assert outcome(kext) is not None


@SOME
@given(CHANGES)
def test_a_changed_header_of_a_real_file(kext: Path, changes: list[tuple[float, bytes]]) -> None:
    raw = changed(REAL.read_bytes()[:0x8000], changes) + REAL.read_bytes()[0x8000:]
    (kext.parent / "Real.kext/Contents/MacOS").mkdir(parents=True, exist_ok=True)
    (kext.parent / "Real.kext/Contents/MacOS/x").write_bytes(raw)
    info = plistlib.dumps({"CFBundleIdentifier": "a.b", "CFBundleExecutable": "x"})
    (kext.parent / "Real.kext/Contents/Info.plist").write_bytes(info)
    outcome(kext.parent / "Real.kext")


@SOME
@given(CHANGES)
def test_a_changed_signature(kext: Path, changes: list[tuple[float, bytes]]) -> None:
    path = kext / "Contents/MacOS/driver"
    whole = path.read_bytes()
    start, end = whole.index(SUPERBLOB), len(whole.rstrip(b"\0"))
    try:
        path.write_bytes(whole[:start] + changed(whole[start:end], changes)[: end - start] + whole[end:])
        outcome(kext)
    finally:
        path.write_bytes(whole)


@SOME
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_no_byte_of_the_code_changes_unseen(kext: Path, place: float, by: int) -> None:
    path = kext / "Contents/MacOS/driver"
    whole = path.read_bytes()
    first = thin_slices(whole)[0].content
    start = whole.index(first)
    code = (
        start + 0x800,
        whole.index(SUPERBLOB, start),
    )  # behind the headers: what is there, nothing but the hashes know
    at = min(int(code[0] + place * (code[1] - code[0])), code[1] - 1)  # a float may round up to the end
    try:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ by]) + whole[at + 1 :])
        found = outcome(kext)
    finally:
        path.write_bytes(whole)
    assert found is not None
    assert found.components[0].code.damage == ("the code was changed after it was signed",)


Maker = Callable[[Path, SimpleNamespace, Path], bytes]
ARCHIVES: dict[str, Maker] = {
    "pkg": lambda folder, make, kext: make.package(make.tree_entries(kext, f"./{kext.name}"), "/Library/Extensions"),
    "zip": lambda folder, make, kext: make.zipped(folder / "x", make.tree_entries(kext, kext.name)).read_bytes(),
    "cpio": lambda folder, make, kext: make.cpio(make.tree_entries(kext, f"./{kext.name}")),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_changed_archive(tmp_path: Path, make: SimpleNamespace, kext: Path, kind: str) -> None:
    whole = ARCHIVES[kind](tmp_path, make, kext)
    path = tmp_path / f"a.{'zip' if kind == 'zip' else 'pkg'}"

    @SOME
    @given(st.one_of(CHANGES, EARLY), st.floats(0.2, 1))
    def check(changes: list[tuple[float, bytes]], cut: float) -> None:
        raw = changed(whole, changes)[: int(len(whole) * cut) if cut < 0.5 else None]
        info = b'<pkg-info identifier="x" version="1"/>'
        path.write_bytes(make.xar({"PackageInfo": info, "Payload": gzip.compress(raw)}) if kind == "cpio" else raw)
        outcome(path)

    check()


@SOME
@given(st.binary(max_size=400))
def test_random_bytes_under_every_magic(tmp_path: Path, raw: bytes) -> None:
    for magic in (b"xar!\0\x1c\0\1", b"PK\3\4", b"PK\5\6", b""):
        (tmp_path / "x").write_bytes(magic + raw)
        assert outcome(tmp_path / "x") is None


@SOME
@given(st.binary(max_size=300))
def test_random_property_lists(kext: Path, raw: bytes) -> None:
    info = kext / "Contents/Info.plist"
    whole = info.read_bytes()
    try:
        for start in (b"", b"bplist00", b"<plist><dict><key>a</key>"):
            info.write_bytes(start + raw)
            outcome(kext)
    finally:
        info.write_bytes(whole)


def test_a_driver_s_own_slices_are_read_as_they_were_written(tmp_path: Path) -> None:
    usb = Extension("usb", ExtensionKind.SYSTEM_EXTENSION, "com.example.usb", category=Category.DRIVER)
    found = inspect(bundles.make(usb, tmp_path)).components[1]
    assert [(one.architecture, one.platform, one.minimum) for one in found.slices] == [
        ("arm64", "driverkit", "19.0"),
        ("x86_64", "driverkit", "19.0"),
    ]
    assert thin_slices(kext_slice("x86_64", "a", "1", []))[0].minimum == ("macos", "11.0")
