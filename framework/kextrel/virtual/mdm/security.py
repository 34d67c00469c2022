"""The answer to SecurityInfo, as far as this Mac has what it asks for. Source: Apple's schema, information.security."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kextrel.virtual.hardware.localpolicy import LocalPolicy
    from kextrel.virtual.machine import Machine
    from kextrel.virtual.mdm.management import Management

__all__ = ["security_info"]

_LEVELS = {"Full": "full", "Reduced": "medium", "Permissive": "off"}
_T2_LEVEL = "94b73556-2197-4702-82a8-3e1337dafbfb:AppleSecureBootPolicy"
_T2_LEVELS = {b"\x02": "full", b"\x01": "medium", b"\x00": "off"}


def security_info(mac: Machine, management: Management) -> dict[str, Any]:
    """The SecurityInfo dictionary. Under User Enrollment what is forbidden there is left out."""
    policy = mac.sep.policy() if mac.spec.architecture == "apple-silicon" else None
    kind = management.enrollment
    content: dict[str, Any] = {
        "FDE_Enabled": mac.filevault.on,
        "SystemIntegrityProtectionEnabled": not mac.sip,
        "FirewallSettings": {"FirewallEnabled": False, "BlockAllIncoming": False, "StealthMode": False},
        "ManagementStatus": {
            "EnrolledViaDEP": kind == "automated-device",
            "UserApprovedEnrollment": kind in ("device", "automated-device"),
            "IsUserEnrollment": kind == "user",
            "IsActivationLockManageable": kind == "automated-device",
        },
        "SecureBoot": _secure_boot(mac, policy),
        "AuthenticatedRootVolumeEnabled": not (policy is not None and policy.sip1),
    }
    if policy is None:
        content["FirmwarePasswordStatus"] = {"PasswordExists": False, "ChangePending": False, "AllowOroms": True}
    elif kind != "user":
        content |= _silicon_only(mac, policy, kind)
    return content


def _secure_boot(mac: Machine, policy: LocalPolicy | None) -> dict[str, Any]:
    if policy is None:
        t2 = mac.spec.architecture == "intel-t2"
        level = _T2_LEVELS.get(mac.nvram.get(_T2_LEVEL) or b"\x02", "full") if t2 else "not supported"
        return {"SecureBootLevel": level, "ExternalBootLevel": "disallowed" if t2 else "not supported"}
    level = _LEVELS[policy.security_mode]
    content: dict[str, Any] = {"SecureBootLevel": level, "ExternalBootLevel": "allowed"}
    if level == "medium":
        lifted = {
            "AllowsAnyAppleSignedOS": True,
            "AllowsUserKextApproval": bool(policy.smb2),
            "AllowsMDM": bool(policy.smb3 or policy.smb4),
        }
        content["ReducedSecurity"] = [name for name, present in lifted.items() if present]
    return content


def _silicon_only(mac: Machine, policy: LocalPolicy, kind: str) -> dict[str, Any]:
    allowed = kind == "automated-device" or bool(policy.smb3 or policy.smb4)
    content: dict[str, Any] = {
        "BootstrapTokenAllowedForAuthentication": "allowed" if allowed else "disallowed",
        "BootstrapTokenRequiredForSoftwareUpdate": True,
        "BootstrapTokenRequiredForKernelExtensionApproval": True,
    }
    return content | ({"IsRecoveryLockEnabled": False} if mac.spec.release >= (11, 5) else {})
