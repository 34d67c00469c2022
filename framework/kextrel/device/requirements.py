"""What a scenario demands of a Mac and nobody makes: it is met or the scenario is not checked.

The profile says it first, with nothing touched; what the Mac itself says of its management is then held against that.
"""

from __future__ import annotations

from kextrel.device.flows import mdm
from kextrel.device.observe import Sighting
from kextrel.device.remote import answered, look
from kextrel.device.rig import Rig
from kextrel.errors import NotPossible
from kextrel.macos import commands, profiles
from kextrel.timing import Deadline
from kextrel.vocabulary import Enrollment, Mac, Version

__all__ = ["confirm", "confirm_release", "meet"]

_KINDS = (Enrollment.DEVICE, Enrollment.AUTOMATED_DEVICE)
_BOOTSTRAP_TOKEN_SINCE = Version(10, 15)
_ALWAYS_APPROVED = Version(11)  # from here on every Device Enrollment counts as approved by the user


def meet(rig: Rig, mac: Mac) -> None:
    """Compares with the profile alone. NotPossible names what differs."""
    facts = rig.facts
    demands: list[tuple[str, object, object]] = [
        ("architecture", mac.architecture, facts.architecture),
        ("macos", mac.macos, facts.macos),
        ("enrollment", mac.enrollment, facts.enrollment),
    ]
    if mac.enrollment is Enrollment.DEVICE and mac.macos < _ALWAYS_APPROVED:
        demands.append(("user_approved_mdm", mac.user_approved_mdm, facts.user_approved_mdm))
    if mac.enrollment in _KINDS:
        demands.append(("bootstrap_token", mac.bootstrap_token, facts.bootstrap_token))
    if not mac.online:  # nothing on the Mac keeps it from Apple's servers in every environment: its network does
        demands.append(("online", mac.online, facts.online))
    for name, wanted, there in demands:
        if wanted != there:
            raise NotPossible(f"{rig.name} is {name} {_word(there)}, and the scenario needs {_word(wanted)}")


def confirm(rig: Rig, *, deadline: Deadline) -> None:
    """Asks a managed Mac whether it is what its profile says (PREP-14). Of one without a manager nothing is asked."""
    if rig.facts.enrollment not in _KINDS:
        return
    seen = mdm.enrollment(rig, deadline=deadline)
    automated = rig.facts.enrollment is Enrollment.AUTOMATED_DEVICE
    if not seen.mdm or (seen.dep is not None and seen.dep is not automated):
        said = f"MDM enrollment {_word(seen.mdm)}, by DEP {_word(seen.dep)}"
        raise NotPossible(f"the profile says that {rig.name} is {rig.facts.enrollment}, and it says {said}; enroll it")
    if rig.facts.macos < _BOOTSTRAP_TOKEN_SINCE:
        return
    done = answered(look(rig, commands.profiles_status("bootstraptoken"), deadline=deadline), 0)
    escrowed = profiles.read_bootstrap_token(done.out).escrowed
    if escrowed is not None and escrowed is not rig.facts.bootstrap_token:
        said = f"has {'' if escrowed else 'not '}given its bootstrap token to the server"
        raise NotPossible(f"{rig.name} {said}, and its profile says otherwise; look at bootstrap_token")


def confirm_release(rig: Rig, seen: Sighting) -> None:
    """Whether the Mac runs what its profile says, as far as that was seen: an update, or a run's upgrade that nobody
    took back, makes every prediction wrong."""
    runs = None if seen.observation is None else seen.observation.macos
    if runs is not None and runs.known and runs.value != rig.facts.macos:
        raise NotPossible(
            f"{rig.name} runs macOS {runs.value}, and its profile says {rig.facts.macos}; erase it, or say what it runs"
        )


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "unknown" if value is None else str(value)
