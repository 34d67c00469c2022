"""SYS: system extensions, macOS 10.15 and later."""

from __future__ import annotations

from kextrel.policy.rule import CATALINA, Rule
from kextrel.vocabulary import Version

__all__ = [
    "RULES",
    "SYS_01",
    "SYS_02",
    "SYS_03",
    "SYS_04",
    "SYS_05",
    "SYS_06",
    "SYS_07",
    "SYS_08",
    "SYS_09",
    "SYS_10",
    "SYS_11",
    "SYS_12",
    "SYS_13",
    "SYS_14",
    "SYS_15",
    "SYS_16",
    "SYS_17",
    "SYS_18",
    "SYS_19",
    "SYS_20",
]

SYS_01 = Rule(
    "SYS-01",
    "Kinds: driver (DriverKit), network (NetworkExtension: app proxy, packet tunnel, filter data, filter packet, DNS "
    "proxy), endpoint security. Before 10.15 there are none.",
    ("S1", "S3"),
)
SYS_02 = Rule(
    "SYS-02",
    "Needs no Reduced Security, no recovery and no restart on any architecture. (S3 describes a Startup Security walk "
    'for "system extensions": that walk, and its "Rebuild Kernel Cache" restart, are for legacy kexts.)',
    ("S0", "S2"),
    since=CATALINA,
)
SYS_03 = Rule(
    "SYS-03",
    'Activation by its app, without a profile: state "activated waiting for user"; after an administrator allows it in '
    'Settings: "activated enabled".',
    ("S3", "M:systemextensionsctl"),
    since=CATALINA,
)
SYS_04 = Rule(
    "SYS-04",
    'Activation with a matching profile: "activated enabled" with no user interaction.',
    ("S0", "S2", "S3"),
    since=CATALINA,
)
SYS_05 = Rule(
    "SYS-05",
    "Matching: by team (AllowedTeamIdentifiers), by team and bundle identifier (AllowedSystemExtensions), and, if the "
    "team has an entry in AllowedSystemExtensionTypes, only for the kinds named there. A type alone allows nothing: it "
    "narrows what its team is allowed.",
    ("S0", "S2", "S3", "A"),
    since=CATALINA,
)
SYS_06 = Rule(
    "SYS-06",
    "AllowUserOverrides false: what no profile allows is refused, approval-forbidden, and the user is offered nothing.",
    ("S0", "S2", "A"),
    since=CATALINA,
)
SYS_07 = Rule(
    "SYS-07",
    "From 11.3 (S0 and S2 state it up to 11.6.4, Apple's schema without an end): pushing a profile that allows a "
    "pending extension completes its activation. Before 11.3 it does not, until the app asks again.",
    ("S0", "S2", "A"),
    since=CATALINA,
)
SYS_08 = Rule(
    "SYS-08",
    "Same versions: revoking the approval (removing the profile) unloads an active extension and marks it for removal: "
    '"terminated waiting to uninstall on reboot"; gone after the restart.',
    ("S0", "S2", "A"),
    since=Version(11, 3),
)
SYS_09 = Rule(
    "SYS-09",
    "From 11.3 (stated to 11.6.4, and by SYS-10 after): an extension that asks to be deactivated by its own app gets "
    "an authentication dialogue for an administrator; refused or missing credentials leave it running. Before 11.3: "
    "open.",
    ("S0", "S2"),
    open=True,
    since=CATALINA,
)
SYS_10 = Rule(
    "SYS-10",
    "12.0.1 and later: if RemovableSystemExtensions names it, its app deactivates it with no administrator. Before "
    "12.0.1 the key has no effect.",
    ("S0", "S2", "A"),
    since=CATALINA,
)
SYS_11 = Rule(
    "SYS-11",
    "15.0 and later: NonRemovableSystemExtensions, with SIP enabled: can be neither disabled nor uninstalled. "
    "NonRemovableFromUISystemExtensions: not from Settings or Finder.",
    ("A",),
    since=Version(15),
)
SYS_12 = Rule(
    "SYS-12",
    'Deactivated: "terminated waiting to uninstall on reboot", gone after the restart. Deleting the app asks for an '
    "administrator, then deactivates.",
    ("M:systemextensionsctl",),
    since=CATALINA,
)
SYS_13 = Rule(
    "SYS-13",
    "A newer version replaces the running one without new approval; the same version again is a no-op unless developer "
    'mode is on. The old record goes to "terminated waiting to uninstall on reboot"; a driver extension whose device '
    'is in use stays running as "terminating for upgrade via delegate" until a restart, though the list already says '
    "the new one is enabled.",
    ("M:systemextensionsctl", "field reports"),
    since=CATALINA,
)
SYS_14 = Rule(
    "SYS-14",
    'A user may disable an enabled extension in Settings: "activated disabled"; enabling again needs no new approval.',
    ("M:systemextensionsctl",),
    since=CATALINA,
)
SYS_15 = Rule(
    "SYS-15",
    "systemextensionsctl reset and developer on need SIP disabled (open on macOS 15 and later, where newer builds may "
    "ask in a dialogue instead); reset removes all of them and their state.",
    ("M:systemextensionsctl",),
    open=True,
    since=CATALINA,
)
SYS_16 = Rule(
    "SYS-16",
    "Validated and moved by sysextd to its protected place; the daemon for its kind then loads it. Its privileges are "
    "those of its kind, never the kernel's.",
    ("S3", "S0"),
    since=CATALINA,
)
SYS_17 = Rule(
    "SYS-17",
    "Endpoint security: needs the entitlement com.apple.developer.endpoint-security.client; without it activation "
    "fails. com.apple.private.endpoint-security.manager is Apple's own: nothing else is given it. Drivers need "
    "com.apple.developer.driverkit; only the endpoint-security entitlement is checked in scenarios.",
    ("S3",),
    since=CATALINA,
)
SYS_18 = Rule(
    "SYS-18",
    "Endpoint security with NSEndpointSecurityEarlyBoot in its Info.plist starts early in boot, before other "
    "third-party programs; without the key it does not.",
    ("S3",),
    since=CATALINA,
    shown=False,  # no tool says in which order a boot started what
)
SYS_19 = Rule(
    "SYS-19",
    "An approved extension survives restarts, safe mode and minor updates without new approval.",
    ("S2",),
    since=CATALINA,
)
SYS_20 = Rule(
    "SYS-20",
    "A pending extension is asked about again after a restart when its app asks again; pending is not enabled.",
    ("S3",),
    since=CATALINA,
)

RULES = (
    *(SYS_01, SYS_02, SYS_03, SYS_04, SYS_05, SYS_06, SYS_07, SYS_08, SYS_09, SYS_10),
    *(SYS_11, SYS_12, SYS_13, SYS_14, SYS_15, SYS_16, SYS_17, SYS_18, SYS_19, SYS_20),
)
