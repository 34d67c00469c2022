"""What a Mac does when its server asks: one handler for each RequestType. Source: Apple's device-management schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from kextrel.virtual.macos.plists import Plist, text
from kextrel.virtual.mdm.identity import enrollment_id, model_name, udid
from kextrel.virtual.mdm.profile import Profile, judged, parse
from kextrel.virtual.mdm.refusal import Refusal, unsupported
from kextrel.virtual.mdm.security import security_info

if TYPE_CHECKING:
    from kextrel.virtual.machine import Machine
    from kextrel.virtual.mdm.management import Management

__all__ = ["Commands"]

_NOTIFIES_SINCE, _REBUILDS_SINCE = (11, 3), (11,)
_PAYLOAD_UUID_SINCE = (14, 0)
_DOMAIN = "MCMDMErrorDomain"
_BAD_REQUEST, _NOT_INSTALLED = 12022, 12075
_LISTED = (
    "PayloadUUID", "PayloadIdentifier", "PayloadVersion", "PayloadDisplayName", "PayloadOrganization",
    "PayloadDescription", "PayloadRemovalDisallowed",
)  # fmt: skip
_LISTED_PAYLOAD = (
    "PayloadType", "PayloadVersion", "PayloadIdentifier", "PayloadDisplayName", "PayloadDescription",
    "PayloadOrganization",
)  # fmt: skip


class Commands:
    """The handlers of one Mac. `fetch_token` asks the server for the bootstrap token, None when it has none."""

    def __init__(
        self, mac: Machine, management: Management, fetch_token: Callable[[], Awaitable[bytes | None]]
    ) -> None:
        self._mac, self._management, self._fetch_token = mac, management, fetch_token
        self._after: Callable[[], None] | None = None
        self._handlers: dict[str, Callable[[Plist], Awaitable[dict[str, Any]]]] = {
            "InstallProfile": self._install,
            "RemoveProfile": self._remove,
            "ProfileList": self._profiles,
            "RestartDevice": self._restart,
            "SecurityInfo": self._security,
            "DeviceInformation": self._information,
        }

    async def perform(self, command: Plist) -> Plist:
        """Does one command; the report about it, without the key that names the Mac."""
        report: Plist = {"CommandUUID": text(command, "CommandUUID")}
        request = command.get("Command")
        if not report["CommandUUID"] or not isinstance(request, dict):
            return {**report, "Status": "CommandFormatError"}
        if self._mac.going_down or self._after is not None or not self._mac.has("PREP-14"):
            return {**report, "Status": "NotNow"}
        kind = text(request, "RequestType")
        try:
            if kind not in self._handlers:
                raise unsupported(kind)
            return {**report, "Status": "Acknowledged", **await self._handlers[kind](request)}
        except Refusal as refusal:
            return {**report, "Status": "Error", "ErrorChain": refusal.chain()}

    def acknowledged(self) -> None:
        """The server has heard that the last command was done: what had to wait for that is done now."""
        after, self._after = self._after, None
        if after is not None:
            after()

    def unheard(self) -> None:
        """The server never heard of the last command's end, and will send it again: nothing waits for that any more."""
        self._after = None

    # -- profiles

    async def _install(self, request: Plist) -> dict[str, Any]:
        payload = request.get("Payload")
        if not isinstance(payload, bytes):
            raise _bad(request, "Payload")
        profile = judged(parse(payload, installed=self._mac.clock.now()), self._management.enrollment)
        self._management.install(profile)
        return {}

    async def _remove(self, request: Plist) -> dict[str, Any]:
        identifier = text(request, "Identifier")
        if not identifier:
            raise _bad(request, "Identifier")
        found = next((one for one in self._management.store.profiles() if one.identifier == identifier), None)
        if found is None:
            raise Refusal(_DOMAIN, _NOT_INSTALLED, f"The profile “{identifier}” is not installed.")
        if identifier == self._management.enrollment_profile:
            self._after = self._management.unenroll
        else:
            self._management.remove(identifier)
        return {}

    async def _profiles(self, request: Plist) -> dict[str, Any]:
        managed = request.get("ManagedOnly") is True or self._management.enrollment == "user"
        profiles = [one for one in self._management.store.profiles() if not (managed and one.by_hand)]
        return {"ProfileList": [self._listed(one) for one in profiles]}

    def _listed(self, profile: Profile) -> dict[str, Any]:
        content = {key: profile.content[key] for key in _LISTED if key in profile.content}
        keys = (*_LISTED_PAYLOAD, "PayloadUUID") if self._mac.spec.release >= _PAYLOAD_UUID_SINCE else _LISTED_PAYLOAD
        inside = [{key: payload[key] for key in keys if key in payload} for payload in profile.payloads]
        return {**content, "HasRemovalPasscode": False, "IsEncrypted": False, "PayloadContent": inside}

    # -- restart

    async def _restart(self, request: Plist) -> dict[str, Any]:
        if self._management.enrollment == "user":
            raise unsupported("RestartDevice")
        paths = _paths(request)
        rebuild = request.get("RebuildKernelCache") is True and self._mac.spec.release >= _REBUILDS_SINCE
        token = await self._fetch_token() if rebuild else None

        def restart() -> None:
            if rebuild:
                self._management.rebuild_at_restart(paths, token)
            self._mac.request_restart()

        notify = request.get("NotifyUser") is True and self._mac.spec.release >= _NOTIFIES_SINCE
        if not (notify and self._mac.display.restart_asked_for(restart)):
            self._after = restart
        return {}

    # -- what is asked

    async def _security(self, _request: Plist) -> dict[str, Any]:
        return {"SecurityInfo": security_info(self._mac, self._management)}

    async def _information(self, request: Plist) -> dict[str, Any]:
        known, queries = self._known(), request.get("Queries")
        wanted = queries if isinstance(queries, list) else list(known)
        return {"QueryResponses": {key: known[key] for key in wanted if isinstance(key, str) and key in known}}

    def _known(self) -> dict[str, Any]:
        spec, kind = self._mac.spec, self._management.enrollment
        silicon = spec.architecture == "apple-silicon"
        private = {"EnrollmentID": enrollment_id(self._mac)}
        own = {"UDID": udid(self._mac), "SerialNumber": spec.serial}
        return {
            **(private if kind == "user" else own),
            "DeviceName": spec.name,
            "HostName": f"{spec.name}.local",
            "LocalHostName": spec.name,
            "OSVersion": spec.macos,
            "BuildVersion": spec.build,
            "ModelName": model_name(spec.model),
            "Model": spec.model,
            "ProductName": spec.model,
            "IsSupervised": kind in ("device", "automated-device"),
            "IsAppleSilicon": silicon,
            "SystemIntegrityProtectionEnabled": not self._mac.sip,
        }


def _bad(request: Plist, key: str) -> Refusal:
    return Refusal(_DOMAIN, _BAD_REQUEST, f"{text(request, 'RequestType')}: {key} is missing or of the wrong type.")


def _paths(request: Plist) -> tuple[str, ...]:
    paths = request.get("KextPaths", [])
    if not isinstance(paths, list) or not all(isinstance(one, str) for one in paths):
        raise _bad(request, "KextPaths")
    return tuple(paths)
