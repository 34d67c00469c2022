"""Management: what `profiles` prints of tokens and profiles, and MDM commands with their answers."""

from __future__ import annotations

import pytest

from kextrel.errors import UnreadableAnswer, UsageError
from kextrel.macos import commands, installed, mdm, profiles
from kextrel.macos.registry import reader

TOKEN = "profiles: Bootstrap Token supported on server: YES\nprofiles: Bootstrap Token escrowed to server: NO\n"
SHOWN = """\
_computerlevel[1] attribute: name: Kextrel: allow
_computerlevel[1] attribute: profileIdentifier: com.example.a
_computerlevel[1] attribute: profileUUID: 1D1D1112
_computerlevel[1] payload count = 1
_computerlevel[1]            payload[1] name\t\t\t= Kernel
admin[1] attribute: profileIdentifier: com.example.b
There are 2 configuration profiles installed
"""


class TestBootstrapToken:
    def test_both_rows_are_read(self):
        answer = profiles.read_bootstrap_token(TOKEN)
        assert answer.facts() == {"supported": True, "escrowed": False}
        assert reader("sudo profiles status -type bootstraptoken")(TOKEN).facts() == answer.facts()

    def test_one_row_leaves_the_other_unknown(self):
        answer = profiles.read_bootstrap_token(TOKEN.splitlines()[0] + "\nprofiles: something else: maybe\n")
        assert answer.facts() == {"supported": True, "escrowed": None}
        assert answer.unparsed == ("profiles: something else: maybe",)

    def test_other_text_is_refused(self):
        with pytest.raises(UnreadableAnswer):
            profiles.read_bootstrap_token("profiles: the command requires root privileges")


class TestInstalledProfiles:
    def test_every_profile_is_found(self):
        answer = installed.read(SHOWN)
        assert answer.identifiers == {"com.example.a", "com.example.b"}
        assert [one.level for one in answer.profiles] == ["_computerlevel", "admin"]
        assert answer.profiles[0].name == "Kextrel: allow"
        assert answer.unparsed == ()

    def test_none_is_an_answer(self):
        assert installed.read("There are no configuration profiles installed in the system domain\n").profiles == ()
        assert installed.read("There are no configuration profiles installed for user 'admin'\n").profiles == ()

    def test_other_text_is_refused(self):
        with pytest.raises(UnreadableAnswer):
            installed.read("profiles: command not found\n")


class TestCommands:
    def test_lines_are_quoted(self):
        assert commands.profiles_install("/tmp/a b.mobileconfig") == (
            "sudo -n profiles install -path '/tmp/a b.mobileconfig'"
        )
        assert commands.profiles_status("bootstraptoken") == "sudo -n profiles status -type bootstraptoken"
        assert commands.profiles_show(sudo="") == "profiles show"
        assert commands.profiles_renew() == "sudo -n profiles renew -type enrollment"
        with pytest.raises(UsageError):
            commands.profiles_install("relative")
        with pytest.raises(UsageError):
            commands.profiles_status("provisioning")

    def test_a_restart_has_the_keys_that_are_not_default(self):
        assert mdm.restart_device() == {"RequestType": "RestartDevice"}
        assert mdm.restart_device(rebuild=True, kext_paths=["/Library/Extensions/a.kext"], notify=True) == {
            "RequestType": "RestartDevice",
            "RebuildKernelCache": True,
            "KextPaths": ["/Library/Extensions/a.kext"],
            "NotifyUser": True,
        }

    def test_profiles_go_and_come_by_their_identifier(self):
        assert mdm.install_profile(b"<plist>") == {"RequestType": "InstallProfile", "Payload": b"<plist>"}
        assert mdm.remove_profile("a.b") == {"RequestType": "RemoveProfile", "Identifier": "a.b"}
        assert mdm.profile_list() == {"RequestType": "ProfileList"}


class TestAnswers:
    def test_a_list_tells_profiles_and_their_payloads(self):
        item = {"PayloadIdentifier": "a.b", "PayloadContent": [{"PayloadType": mdm.MDM_PAYLOAD}, 3, {}]}
        found = mdm.listed({"ProfileList": [item, {"PayloadIdentifier": "c", "PayloadContent": "x"}]})
        assert found == (mdm.ListedProfile("a.b", frozenset({"com.apple.mdm"})), mdm.ListedProfile("c"))

    @pytest.mark.parametrize(
        "body", [{}, {"ProfileList": "x"}, {"ProfileList": ["x"]}, {"ProfileList": [{}]}, {"ProfileList": [{}] * 5000}]
    )
    def test_a_list_that_is_none_is_refused(self, body):
        with pytest.raises(UnreadableAnswer):
            mdm.listed(body)

    def test_an_error_chain_is_read_from_the_outside_in(self):
        chain = [
            {"ErrorDomain": "MCMDMErrorDomain", "ErrorCode": 12021, "LocalizedDescription": "not\n supported"},
            "nonsense",
            {"ErrorDomain": "X", "ErrorCode": "1"},
            {"ErrorDomain": "MCProfileErrorDomain", "ErrorCode": 1000, "USEnglishDescription": "x" * 999},
        ]
        found = mdm.errors({"ErrorChain": chain})
        assert [str(one)[:40] for one in found] == [
            "MCMDMErrorDomain 12021 (not supported)",
            "MCProfileErrorDomain 1000 (" + "x" * 13,
        ]
        assert mdm.errors({}) == ()
        assert mdm.errors({"ErrorChain": 3}) == ()
