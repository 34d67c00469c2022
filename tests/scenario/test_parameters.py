"""`parameters:` makes one test a combination."""

from __future__ import annotations

import pytest

from kextrel.errors import InputError
from kextrel.scenario import parse

HEAD = 'schema: kextrel/scenario/v1\nname: n\nmac: {macos: "14.5"}\nextensions: {driver: {signature: "${how}"}}\n'
STEPS = "steps:\n  - set-security: {allow: '${who}'}\n"


def names(parameters: str, text: str = HEAD + STEPS) -> list[str]:
    return [one.name for one in parse(f"{text}parameters: {parameters}\n", "f")]


def test_one_scenario_for_each_combination() -> None:
    text = HEAD + STEPS + "parameters: {how: [none, ad-hoc], who: [[user], [user, remote], []]}\n"
    scenarios = parse(text, "f")
    assert [one.name for one in scenarios] == [
        "n [how=none, who=user]",
        "n [how=none, who=user+remote]",
        "n [how=none, who=none]",
        "n [how=ad-hoc, who=user]",
        "n [how=ad-hoc, who=user+remote]",
        "n [how=ad-hoc, who=none]",
    ]
    assert [one.extensions["driver"].signature for one in scenarios] == ["none"] * 3 + ["ad-hoc"] * 3
    assert scenarios[1].steps[0].written == {"set-security": {"allow": ["user", "remote"]}}


def test_a_name_that_says_a_parameter_is_left_alone() -> None:
    text = HEAD.replace("name: n", "name: a ${how} kext") + STEPS
    assert names("{how: [none, ad-hoc], who: [[user]]}", text) == ["a none kext [who=user]", "a ad-hoc kext [who=user]"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("{how: [none]}", "f:6: there is no parameter 'who'; did you mean 'how'?"),
        ("{how: [none], who: [[user]], more: [x]}", "f:7: parameter 'more' is never used; write ${more} where"),
        ("{how: none, who: [[user]]}", "f:7: parameter 'how' must be a list of values"),
        ("{how: [], who: [[user]]}", "f:7: parameter 'how' must be a list of values"),
        ("{how: [none, none], who: [[user]]}", "f:7: parameter 'how' has the value 'none' twice"),
        ("{how: [nune], who: [[user]]}", "f:4: 'signature' of extension 'driver', a kext is 'nune'; did you mean"),
        ("{'h w': [none]}", "f:7: 'h w' cannot be the name of a parameter"),
        ("[how]", "f:7: 'parameters' must be a mapping"),
    ],
)
def test_a_bad_parameter_is_one_sentence_with_its_line(parameters: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        names(parameters)
    assert str(caught.value).startswith(said)


def test_inside_a_text_only_a_word_may_stand() -> None:
    text = HEAD.replace("name: n", "name: n ${who}") + STEPS
    with pytest.raises(InputError, match="f:2: parameter 'who' is not a word"):
        names("{how: [none], who: [[user]]}", text)


def test_keys_are_filled_in_and_stay_unique() -> None:
    text = HEAD.replace('"${how}"', "none").replace("{driver: {", "{'${a}': {}, driver: {") + "steps: [{rebuild: }]\n"
    assert list(parse(text + "parameters: {a: [x]}\n", "f")[0].extensions) == ["x", "driver"]
    with pytest.raises(InputError, match="the key 'driver' is here twice once parameters are filled in"):
        parse(text + "parameters: {a: [driver]}\n", "f")


def test_too_many_combinations_are_refused() -> None:
    many = "[" + ", ".join(str(n) for n in range(200)) + "]"
    with pytest.raises(InputError, match="'parameters' makes 40000 scenarios; 10000 are the limit"):
        names(f"{{how: {many}, who: {many}}}")
