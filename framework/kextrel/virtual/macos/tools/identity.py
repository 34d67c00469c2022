"""What kind of Mac this is: sw_vers(1), sysctl(8), system_profiler(8)."""

from __future__ import annotations

from kextrel.virtual.hardware.localpolicy import LocalPolicy
from kextrel.virtual.hardware.models import Model, model_of
from kextrel.virtual.hardware.t2 import T2
from kextrel.virtual.macos.tools.mac import date_text, hardware_uuid, kexts, machine
from kextrel.virtual.macos.tools.options import parse
from kextrel.virtual.unix.disk import product_name
from kextrel.virtual.unix.process import Proc
from kextrel.virtual.unix.registry import tool

__all__ = ["hardware_text", "ibridge_text", "provisioning_udid", "sw_vers", "sysctl"]

_SYSTEM_FIRMWARE_SINCE = (11,)
"""Before, system_profiler called an Intel Mac's firmware its Boot ROM."""
_FIRMWARES = {"12": "7459.141.1", "13": "8422.141.2", "14": "10151.121.1", "15": "11881.41.5"}


@tool("/usr/bin/sw_vers")
async def sw_vers(proc: Proc) -> int:
    """ProductName, ProductVersion, BuildVersion; or one of them."""
    spec = machine(proc).spec
    known = {
        "productName": product_name(spec.release), "productVersion": spec.macos, "buildVersion": spec.build,
    }  # fmt: skip
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
    darwin, model, boot = mac.spec.darwin, _model(proc), mac.boot_time
    silicon = mac.spec.architecture == "apple-silicon"
    at = f"{{ sec = {boot.sec}, usec = {boot.usec} }} {date_text(boot.sec)}" if boot else ""
    return {
        "kern.ostype": "Darwin",
        "kern.osrelease": darwin,
        "kern.osversion": mac.spec.build,
        "kern.osproductversion": mac.spec.macos,
        "kern.version": f"Darwin Kernel Version {darwin}; root:xnu/{model.kernel}",
        "kern.hostname": proc.system.hostname,
        "kern.boottime": at,
        "kern.bootsessionuuid": kexts(proc).boot_uuid,
        "kern.bootargs": (mac.nvram.get("boot-args") or b"").decode(errors="replace"),
        "kern.safeboot": str(int(mac.safe_mode)),
        "kern.hv_vmm_present": "0",
        "kern.uuid": hardware_uuid(proc),
        "hw.model": mac.spec.model,
        "hw.machine": "arm64" if silicon else "x86_64",
        "hw.ncpu": str(model.count),
        "hw.memsize": str(16 << 30),
        "machdep.cpu.brand_string": model.processor,
        **({"hw.optional.arm64": "1"} if silicon else {"hw.optional.x86_64": "1", "hw.cpufrequency": "2600000000"}),
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
    spec, model = machine(proc).spec, _model(proc)
    rows = {"Model Name": model.name, "Model Identifier": spec.model}
    rows |= _silicon_rows(proc, model) if spec.architecture == "apple-silicon" else _intel_rows(model, spec.release)
    rows |= {"Serial Number (system)": spec.serial, "Hardware UUID": hardware_uuid(proc)}
    if spec.architecture != "intel":
        rows |= {"Provisioning UDID": provisioning_udid(proc), "Activation Lock Status": "Disabled"}
    return "Hardware:\n\n    Hardware Overview:\n\n" + _rows(rows, 6) + "\n"


def _silicon_rows(proc: Proc, model: Model) -> dict[str, str]:
    return {
        "Model Number": model.number,
        "Chip": model.processor,
        "Total Number of Cores": model.cores,
        "Memory": "16 GB",
        "System Firmware Version": _firmware(proc),
        "OS Loader Version": _firmware(proc),
    }


def _intel_rows(model: Model, release: tuple[int, ...]) -> dict[str, str]:
    bridge = f" (iBridge: {model.bridge})" if model.bridge else ""
    if release < _SYSTEM_FIRMWARE_SINCE:
        firmware = {"Boot ROM Version": f"{model.efi}{bridge}"}
    else:
        firmware = {"System Firmware Version": f"{model.efi}{bridge}", "OS Loader Version": "540.120.3~22"}
    return {
        "Processor Name": model.cpu,
        "Processor Speed": model.speed,
        "Number of Processors": "1",
        "Total Number of Cores": model.cores,
        "L2 Cache (per Core)": "256 KB",
        "Hyper-Threading Technology": "Enabled",
        "Memory": "16 GB",
        **firmware,
    }


def provisioning_udid(proc: Proc) -> str:
    """What MDM calls it: chip and ECID on Apple silicon, the hardware UUID on Intel."""
    if machine(proc).spec.architecture != "apple-silicon":
        return hardware_uuid(proc)
    policy = machine(proc).sep.policy()
    return f"{policy.chip:08X}-{policy.ecid:016X}"


def ibridge_text(proc: Proc) -> str:
    """SPiBridgeDataType: the boot policy, for everybody to read; nothing on a Mac that has no such chip."""
    mac = machine(proc)
    if mac.spec.architecture == "apple-silicon":
        policy = mac.sep.policy()
        rows = {"Firmware Version": f"iBoot-{_firmware(proc)}", "Boot UUID": policy.vuid}
        head = _rows({"Model Identifier": mac.spec.model, **rows}, 6)
        return f"Controller:\n\n{head}      Boot Policy:\n{_rows(_boot_policy(policy), 8)}\n"
    if mac.t2 is None:
        return ""
    rows = {"Model Name": "Apple T2 Security Chip", "Firmware Version": _model(proc).bridge}
    return f"Controller:\n\n{_rows(rows, 6)}      Boot Policy:\n{_rows(_t2_policy(mac.t2), 8)}\n"


def _t2_policy(t2: T2) -> dict[str, str]:
    return {"Secure Boot": f"{t2.level} Security", "External Boot": "Disallowed" if t2.internal_only else "Allowed"}


def _firmware(proc: Proc) -> str:
    major = str(machine(proc).spec.release[0])
    return _FIRMWARES.get(major, _FIRMWARES["14"])


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
    rows = {
        "System Version": f"macOS {mac.spec.macos} ({mac.spec.build})",
        "Kernel Version": f"Darwin {mac.spec.darwin}",
        "Boot Volume": mac.spec.disk_name,
        "Boot Mode": "Safe" if mac.safe_mode else "Normal",
        "Computer Name": proc.system.hostname,
        "Secure Virtual Memory": "Enabled",
        "System Integrity Protection": "Disabled" if mac.sip else "Enabled",
    }
    return "Software:\n\n    System Software Overview:\n\n" + _rows(rows, 6) + "\n"


def _rows(rows: dict[str, str], indent: int) -> str:
    return "".join(f"{' ' * indent}{name}: {value}\n" for name, value in rows.items())


def _model(proc: Proc) -> Model:
    spec = machine(proc).spec
    return model_of(spec.model, spec.architecture)
