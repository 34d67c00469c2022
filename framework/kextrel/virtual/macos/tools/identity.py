"""What kind of Mac this is: sw_vers(1), sysctl(8), system_profiler(8), ioreg(8)."""

from __future__ import annotations

from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.macos.catalogue import kernel_version
from kextrel.virtual.macos.tools.mac import date_text, hardware_uuid, kernel, machine
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.unix.process import Proc, tool

__all__ = ["hardware_text", "ibridge_text", "sw_vers", "sysctl"]

_CHIPS = {
    "Macmini9,1": ("Mac mini", "Apple M1", "8 (4 performance and 4 efficiency)", "Z12N0004VD/A", 8),
    "Mac14,3": ("Mac mini", "Apple M2", "8 (4 performance and 4 efficiency)", "MMFJ3D/A", 8),
    "Mac13,1": ("Mac Studio", "Apple M1 Max", "10 (8 performance and 2 efficiency)", "MJMV3D/A", 10),
}
_FIRMWARE = "10151.121.1"


@tool("/usr/bin/sw_vers")
async def sw_vers(proc: Proc) -> int:
    """ProductName, ProductVersion, BuildVersion; or one of them."""
    spec = machine(proc).spec
    known = {"productName": "macOS", "productVersion": spec.macos, "buildVersion": spec.build}
    names = {**{name: name for name in known}, **{name[:1].upper() + name[1:]: name for name in known}}
    options = parse(proc.args, flags=[*names, "productVersionExtra"], usage="usage: sw_vers [--productName]", code=1)
    single = [known[names[name]] for name in options.given if name in names]
    if single or options.given:
        proc.out("".join(f"{value}\n" for value in single or [""]))
        return 0
    for name, value in known.items():
        proc.out(f"{name[0].upper()}{name[1:]}:\t\t{value}\n")
    return 0


def _sysctls(proc: Proc) -> dict[str, str]:
    mac = machine(proc)
    darwin, (_, chip, _, _, cores) = kernel_version(mac.spec.macos), _model(proc)
    boot = mac.boot_time
    at = f"{{ sec = {boot.sec}, usec = {boot.usec} }} {date_text(boot.sec)}" if boot else ""
    return {
        "kern.ostype": "Darwin",
        "kern.osrelease": darwin,
        "kern.osversion": mac.spec.build,
        "kern.osproductversion": mac.spec.macos,
        "kern.version": f"Darwin Kernel Version {darwin}; root:xnu/RELEASE_ARM64_T8103",
        "kern.hostname": proc.system.hostname,
        "kern.boottime": at,
        "kern.bootsessionuuid": kernel(proc).boot_uuid,
        "kern.bootargs": (mac.nvram.get("boot-args") or b"").decode(errors="replace"),
        "kern.safeboot": "0",
        "kern.hv_vmm_present": "0",
        "kern.uuid": hardware_uuid(proc),
        "hw.model": mac.spec.model,
        "hw.machine": "arm64",
        "hw.ncpu": str(cores),
        "hw.memsize": str(16 << 30),
        "hw.optional.arm64": "1",
        "machdep.cpu.brand_string": chip,
    }


@tool("/usr/sbin/sysctl")
async def sysctl(proc: Proc) -> int:
    """sysctl [-n] [-a] NAME…"""
    options = parse(proc.args, flags=("names", "all", "value"), short={"n": "value", "a": "all", "N": "names"}, code=1)
    known, code = _sysctls(proc), 0
    for name in sorted(known) if "all" in options else options.operands:
        if name not in known:
            proc.err(f"sysctl: unknown oid '{name}'\n")
            code = 1
        else:
            proc.out(f"{known[name]}\n" if "value" in options else f"{name}: {known[name]}\n")
    return code


@tool("/usr/sbin/system_profiler")
async def system_profiler(proc: Proc) -> int:
    """SPHardwareDataType, SPiBridgeDataType, SPSoftwareDataType."""
    texts = {
        "SPHardwareDataType": hardware_text,
        "SPiBridgeDataType": ibridge_text,
        "SPSoftwareDataType": _software_text,
    }
    options = parse(proc.args, flags=("listDataTypes",), values=("detailLevel", "timeout"), code=1)
    if "listDataTypes" in options:
        proc.out("Available Datatypes:\n" + "".join(f"{name}\n" for name in texts))
        return 0
    for name in options.operands or list(texts):
        if name in texts:
            await proc.write(texts[name](proc))
    return 0


def hardware_text(proc: Proc) -> str:
    """SPHardwareDataType."""
    spec, (name, chip, cores, number, _) = machine(proc).spec, _model(proc)
    rows = {
        "Model Name": name,
        "Model Identifier": spec.model,
        "Model Number": number,
        "Chip": chip,
        "Total Number of Cores": cores,
        "Memory": "16 GB",
        "System Firmware Version": _FIRMWARE,
        "OS Loader Version": _FIRMWARE,
        "Serial Number (system)": spec.serial,
        "Hardware UUID": hardware_uuid(proc),
        "Provisioning UDID": f"00008103-{machine(proc).sep.policy().ecid:016X}",
        "Activation Lock Status": "Disabled",
    }
    return "Hardware:\n\n    Hardware Overview:\n\n" + _rows(rows, 6) + "\n"


def ibridge_text(proc: Proc) -> str:
    """SPiBridgeDataType: the boot policy, for everybody to read."""
    mac = machine(proc)
    policy = mac.sep.policy()
    head = _rows(
        {"Model Identifier": mac.spec.model, "Firmware Version": f"iBoot-{_FIRMWARE}", "Boot UUID": policy.vuid}, 6
    )
    return f"Controller:\n\n{head}      Boot Policy:\n{_rows(_boot_policy(policy), 8)}\n"


def _boot_policy(policy: LocalPolicy) -> dict[str, str]:
    def word(lifted: int | None) -> str:
        return "Disabled" if lifted else "Enabled"

    def answer(allowed: int | None) -> str:
        return "Yes" if allowed else "No"

    return {
        "Secure Boot": f"{policy.security_mode} Security",
        "System Integrity Protection": word(policy.sip0),
        "Signed System Volume": word(policy.sip1),
        "Kernel CTRR": word(policy.sip2),
        "Boot Arguments Filtering": word(policy.sip3),
        "Allow All Kernel Extensions": answer(policy.smb2),
        "User Approved Privileged MDM Operations": answer(policy.smb3),
        "DEP Approved Privileged MDM Operations": answer(policy.smb4),
    }


def _software_text(proc: Proc) -> str:
    mac = machine(proc)
    sip = "Disabled" if mac.in_force and mac.in_force.sip0 else "Enabled"
    rows = {
        "System Version": f"macOS {mac.spec.macos} ({mac.spec.build})",
        "Kernel Version": f"Darwin {kernel_version(mac.spec.macos)}",
        "Boot Volume": mac.spec.disk_name,
        "Boot Mode": "Normal",
        "Computer Name": proc.system.hostname,
        "Secure Virtual Memory": "Enabled",
        "System Integrity Protection": sip,
    }
    return "Software:\n\n    System Software Overview:\n\n" + _rows(rows, 6) + "\n"


def _rows(rows: dict[str, str], indent: int) -> str:
    return "".join(f"{' ' * indent}{name}: {value}\n" for name, value in rows.items())


def _model(proc: Proc) -> tuple[str, str, str, str, int]:
    return _CHIPS.get(machine(proc).spec.model, _CHIPS["Macmini9,1"])


@tool("/usr/sbin/ioreg")
async def ioreg(proc: Proc) -> int:
    """The platform expert's node; any other class has none here."""
    options = parse(
        proc.args,
        flags=("list", "root", "inherit", "wide", "archive"),
        values=("class", "depth", "name", "plane", "width"),
        short={"l": "list", "r": "root", "c": "class", "d": "depth", "n": "name", "p": "plane", "w": "width"}
        | {"i": "inherit", "a": "archive"},
        code=1,
    )
    wanted = options.last("class") or options.last("name") or "IOPlatformExpertDevice"
    if wanted not in ("IOPlatformExpertDevice", machine(proc).spec.model):
        return 0
    spec = machine(proc).spec
    rows = {
        "IOPlatformUUID": f'"{hardware_uuid(proc)}"',
        "IOPlatformSerialNumber": f'"{spec.serial}"',
        "model": f'<"{spec.model}">',
        "manufacturer": '<"Apple Inc.">',
    }
    head = f"+-o {spec.model}  <class IOPlatformExpertDevice, id 0x100000228, registered, matched, active, busy 0>\n"
    proc.out(head + "    {\n" + "".join(f'      "{name}" = {value}\n' for name, value in rows.items()) + "    }\n\n")
    return 0
