import os
from pathlib import Path

import pytest

from labctl.core.errors import Rejected
from labctl.core.redaction import Redactor
from tests.unit.labfile.labfiles import loaded, problems

DECLARED = """
parameters:
  n: {type: integer, default: 1, minimum: 1, maximum: 20}
  web-name: {default: a, pattern: "^[a-z]$", choices: [a, b, c]}
"""


def parameters(tmp_path, **given):
    return loaded(tmp_path, DECLARED, **given).lab.parameters


def test_the_strongest_source_wins(tmp_path):
    """Weakest first: default < files, the last one < environment < --set."""
    one, two = tmp_path / "1.yaml", tmp_path / "2.yaml"
    one.write_text("n: 2\nweb-name: b\n")
    two.write_text("n: 3\n")
    assert parameters(tmp_path) == {"n": 1, "web-name": "a"}
    assert parameters(tmp_path, params_files=[one, two]) == {"n": 3, "web-name": "b"}
    environ = {"LABCTL_SET_N": "4", "LABCTL_SET_WEB_NAME": "c"}
    assert parameters(tmp_path, params_files=[one, two], environ=environ) == {"n": 4, "web-name": "c"}
    assert parameters(tmp_path, environ=environ, sets={"n": "5"}) == {"n": 5, "web-name": "c"}


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"n": "x"}, "--set n: expected a whole number, got x"),
        ({"n": "0"}, "--set n: expected at least 1, got 0"),
        ({"n": "21"}, "--set n: expected at most 20, got 21"),
        ({"web-name": "d"}, "--set web-name: expected one of a, b, c, got d"),
        ({"nn": "1"}, "--set nn: the Labfile has no such parameter (did you mean n?)"),
    ],
)
def test_a_given_value_that_does_not_fit_is_told(tmp_path, sets, message):
    assert problems(tmp_path, DECLARED, sets=sets) == [message]


def test_a_params_file_is_held_to_the_same_rules_with_its_own_places(tmp_path):
    given = tmp_path / "given.yaml"
    given.write_text("n: many\nweb-nam: a\n")
    assert problems(tmp_path, DECLARED, params_files=[given]) == [
        "given.yaml:1:4: n: expected a whole number, got many",
        "given.yaml:2:1: web-nam: the Labfile has no parameter web-nam (did you mean web-name?)",
    ]
    assert problems(tmp_path, DECLARED, params_files=[tmp_path / "none"]) == [
        "--params none: can't be read: no such file or directory"
    ]


def test_an_unknown_variable_is_a_warning(tmp_path):
    """It may be meant for another lab."""
    found = loaded(tmp_path, DECLARED, environ={"LABCTL_SET_M": "1", "OTHER": "x"}).warnings
    assert [str(each) for each in found] == [
        "LABCTL_SET_M: the Labfile has no such parameter (did you mean LABCTL_SET_N?)"
    ]


def test_no_message_repeats_a_secret(tmp_path):
    text = 'parameters: {pw: {secret: true, pattern: "^[a-z]+$"}}\nvms: {a: {image: none, memory: "${pw}"}}\n'
    redactor = Redactor()
    loaded(tmp_path, text.partition("\n")[0], sets={"pw": "hunter"}, redactor=redactor)
    assert redactor.in_text("the hunter") == "the ***"
    for value in ("hunter_two", "hunter two"):
        with pytest.raises(Rejected) as caught:
            loaded(tmp_path, text, sets={"pw": value})
        assert value not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    ["0123456789" * 6, "primary line\nsecond line", "Hunter_Two"],
    ids=["longer than what messages show", "two lines", "in other letters by the hint"],
)
def test_no_message_shows_a_part_of_a_secret(tmp_path, secret):
    literal = secret.replace("\n", "\\n")
    wrong = f'networks: ["{literal}"], memory: "{literal}"'
    text = f"parameters: {{pw: {{secret: true}}}}\nvms: {{a: {{image: none, {wrong}}}}}\n"
    told = "".join(problems(tmp_path, text, sets={"pw": secret})).lower()
    assert told.count("got ***") == 2
    assert not any(part in told for part in ("01234", "primary", "second", "hunter"))


def test_a_message_sends_no_control_characters_to_the_terminal(tmp_path):
    assert problems(tmp_path, DECLARED, sets={"n": "\x1b[2J"}) == [
        "--set n: expected a whole number, got \\x1b[2J"
    ]


def test_no_more_of_a_params_file_is_read_than_the_cap(tmp_path):
    assert problems(tmp_path, DECLARED, params_files=[Path("/dev/zero")]) == [
        "/dev/zero:1:1048577: the file goes on beyond 1 MB, the most that is read"
    ]


def test_a_params_file_may_be_a_pipe_also_where_references_are_filled_in_later(tmp_path):
    """Its end can be read once only, and the Labfile is judged again with the addresses."""
    text = """
networks: {lan: {subnet: 10.9.0.0/24}}
vms: {a: {networks: [lan], image: none, disk: 1GiB, boot: {kernel: ./k, cmdline: "ip=${vms.a.lan.ip}"}}}
"""
    (tmp_path / "k").touch()
    reader, writer = os.pipe()
    os.write(writer, b"n: 3\n")
    os.close(writer)
    try:
        made = loaded(tmp_path, DECLARED + text, params_files=[Path(f"/dev/fd/{reader}")])
        assert made.with_references({"vms.a.lan.ip": "10.9.0.2"}).lab.parameters["n"] == 3
    finally:
        os.close(reader)


def test_limits_that_say_nothing_are_told(tmp_path):
    text = """
parameters:
  s: {default: a, minimum: 3}
  i: {type: integer, default: 1, pattern: x}
  c: {default: a, choices: [a, 2]}
"""
    assert problems(tmp_path, text) == [
        "Labfile.yaml:5:19: parameters.s.minimum: minimum says nothing of a text (it goes with integer)",
        "Labfile.yaml:6:34: parameters.i.pattern: pattern says nothing of a whole number (it goes with string)",
        "Labfile.yaml:7:32: parameters.c.choices[1]: expected a text, got 2",
    ]


@pytest.mark.parametrize("value", ["\udcff", "\ufffe", "\x9b", "\x7f"])
def test_no_value_holds_what_a_labfile_could_not(tmp_path, value):
    """Bytes of the command line that are no UTF-8, and what XML can't hold."""
    told = problems(tmp_path, "parameters: {s: {}}\n", sets={"s": value})
    assert len(told) == 1
    assert told[0].startswith("--set s: control characters are not allowed, got ")
    assert told[0].isascii()


def test_a_secret_is_long_enough_to_be_masked(tmp_path):
    text = "parameters: {pw: {secret: true}, pin: {type: integer, secret: true}}\n"
    assert problems(tmp_path, text, sets={"pw": "ab", "pin": "42"}) == [
        "--set pw: a secret has at least 3 characters: shorter ones can't be masked in messages",
        "--set pin: a secret has at least 3 characters: shorter ones can't be masked in messages",
    ]


def test_a_secret_is_masked_as_it_was_given_and_as_it_was_understood(tmp_path):
    redactor = Redactor()
    text = "parameters: {pin: {type: integer, secret: true}}\n"
    loaded(tmp_path, text, environ={"LABCTL_SET_PIN": "0x10000"}, redactor=redactor)
    assert redactor.in_text("0x10000 is 65536") == "*** is ***"
