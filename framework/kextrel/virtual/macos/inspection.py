"""What sysextd looks at before it takes an extension in: the application, where it lies, both signatures, rights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from kextrel.virtual.macos import trust
from kextrel.virtual.macos.bundle import Judgement
from kextrel.virtual.macos.code import Code, extensions_in, read_code, user_slice
from kextrel.virtual.macos.extensionrules import INSTALL, ErrorCode, Refused, category_of, missing
from kextrel.virtual.macos.library import disk_files
from kextrel.virtual.macos.sysexthost import Host

__all__ = ["Inspected", "Inspection"]

_APPLICATIONS = "/Applications/"


@dataclass(frozen=True)
class Inspected:
    """An application and one extension that it carries. `team_id` is "-" where no team signed them."""

    app: Code
    extension: Code
    team_id: str
    category: str


class Inspection:
    """Looks with the eyes of one Mac."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def inspect(self, app_path: str, identifier: str, *, developer: bool) -> Inspected:
        """The extension `identifier` of the application at `app_path`, which must lie in /Applications, and both be of
        one team, unless the Mac is in `developer` mode. Raises Refused."""
        app = self._application(app_path)
        code = self._carried(app, identifier)
        if not developer and not app.path.startswith(_APPLICATIONS):
            raise Refused(ErrorCode.UNSUPPORTED_LOCATION, f"{app.path} is not in /Applications")
        host, extension = self._judged(app, developer=developer), self._judged(code, developer=developer)
        if host.team_id != extension.team_id and not (developer and not extension.team_id):
            raise Refused(ErrorCode.SIGNATURE_INVALID, f"team {extension.team_id!r} in the application of another")
        if user_slice(code.main, self._host.spec.architecture) is None:
            raise Refused(ErrorCode.VALIDATION_FAILED, f"{code.path} has no executable for this Mac")
        category = category_of(code)
        lacking = missing(category, extension.entitlements)
        if not host.entitlements.get(INSTALL) or lacking:
            raise Refused(ErrorCode.MISSING_ENTITLEMENT, f"{app.path} lacks {lacking or INSTALL}")
        return Inspected(app, code, extension.team_id or "-", category)

    def _application(self, path: str) -> Code:
        disk = self._host.disk
        try:
            real = disk.real(path)
            return read_code(disk_files(disk).tree(real), real)
        except (OSError, ValueError) as error:
            raise Refused(ErrorCode.SIGNATURE_INVALID, f"{path}: {error}") from error

    def _carried(self, app: Code, identifier: str) -> Code:
        found = [code for code in self._extensions(app) if code.identifier == identifier]
        if not found:
            raise Refused(ErrorCode.NOT_FOUND, f"{app.path} carries no system extension {identifier}")
        if len(found) > 1:
            raise Refused(ErrorCode.DUPLICATE_IDENTIFIER, f"{app.path} carries {identifier} more than once")
        return found[0]

    def _extensions(self, app: Code) -> Iterator[Code]:
        """Those that can be read: the others are as good as not there."""
        for inside, nodes in extensions_in(app).items():
            try:
                code = read_code(nodes, f"{app.path}/{inside}")
            except ValueError:
                continue
            yield code

    def _judged(self, code: Code, *, developer: bool) -> Judgement:
        """A signature that holds, of a Developer ID; in developer mode an ad-hoc one will do, which is nobody's."""
        now = datetime.fromtimestamp(self._host.clock.now(), UTC)
        anchors = trust.load(self._host.spec.trust, shipped=self._host.spec.knows_lab)
        found = code.judge(self._host.spec.architecture, anchors, now)
        ad_hoc = found.problem is None and found.signer is None
        if not found.trusted and not (ad_hoc and developer):
            raise Refused(ErrorCode.SIGNATURE_INVALID, f"{code.path}: {found.detail or 'nobody signed it'}")
        return found
