"""What a Mac says of itself to its server, and what it may say of it under its enrollment."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

__all__ = ["Mac", "about", "enrollment_id", "model_name", "udid"]

_NAMES = {"Macmini": "Mac mini", "MacBookPro": "MacBook Pro", "Mac13,1": "Mac Studio", "Mac14,3": "Mac mini"}


class Spec(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def macos(self) -> str: ...
    @property
    def build(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def serial(self) -> str: ...


class Mac(Protocol):
    """What there is to say something of."""

    @property
    def spec(self) -> Spec: ...


def udid(mac: Mac) -> str:
    """The Mac's own identifier (IOPlatformUUID): the same for its life."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, mac.spec.serial)).upper()


def enrollment_id(mac: Mac) -> str:
    """What stands for the Mac under User Enrollment, where its own identifiers are private."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"user enrollment of {mac.spec.serial}")).upper()


def about(mac: Mac, enrollment: str) -> dict[str, str]:
    """The key that names the Mac in every message."""
    return {"EnrollmentID": enrollment_id(mac)} if enrollment == "user" else {"UDID": udid(mac)}


def described(mac: Mac, enrollment: str) -> dict[str, Any]:
    """The keys of Authenticate beside MessageType and Topic."""
    spec = mac.spec
    content = {
        "DeviceName": spec.name,
        "ModelName": model_name(spec.model),
        "Model": spec.model,
        "ProductName": spec.model,
        "OSVersion": spec.macos,
        "BuildVersion": spec.build,
    }
    return content if enrollment == "user" else {**content, "SerialNumber": spec.serial}


def model_name(model: str) -> str:
    """The name on the box."""
    return next((name for prefix, name in _NAMES.items() if model.startswith(prefix)), "Mac")
