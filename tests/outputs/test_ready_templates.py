"""The templates of configs/templates: a parser of each format reads back what was written."""

from __future__ import annotations

import json
import subprocess
from configparser import ConfigParser
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import crossplane
import dotenv
import javaproperties
import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.outputs.templating import made, problems

READY = Path(__file__).parents[2] / "configs/templates"
VISIBLE = "".join(map(chr, range(ord("!"), ord("~") + 1)))
ODD = """'"\\$%{}#;:=!`&<>?*[]|~"""


# A published key is one word of visible ASCII (core/model/text.py).
keys = st.text(VISIBLE, min_size=1, max_size=40) | st.text(ODD + "a", min_size=1, max_size=12)


def ready(name: str, **changed: object) -> str:
    return made((READY / name).read_text(), **changed)


def test_every_ready_template_is_tested() -> None:
    source = Path(__file__).read_text()
    names = {path.name for path in READY.iterdir()}
    assert len(names) == 7
    assert {name for name in names if f'"{name}"' in source} == names


@given(keys)
@example(VISIBLE)
def test_json(key: str) -> None:
    assert json.loads(ready("secret.json.j2", key=key, not_after=None)) == {
        "openai": {"api_key": key, "api_key_id": "key_1", "expires": None}
    }


@given(keys)
@example(VISIBLE)
def test_yaml(key: str) -> None:
    text = ready("secret.yaml.j2", key=key, api_key_id=None)
    expected = {"api_key": key, "api_key_id": None, "expires": "2026-11-23T22:00:00Z"}
    assert yaml.safe_load(text) == {"openai": expected}


@given(keys)
@example(VISIBLE)
def test_envoy(key: str) -> None:
    """Shaped as DiscoveryResponse, Secret, and GenericSecret of Envoy's API v3 are."""
    assert yaml.safe_load(ready("envoy-sds.yaml.j2", key=key)) == {
        "resources": [
            {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
                "name": "billing",
                "generic_secret": {"secret": {"inline_string": f"Bearer {key}"}},
            }
        ]
    }


@given(keys)
@example(VISIBLE)
@example("#!:=")
def test_java_properties(key: str) -> None:
    text = ready("application.properties.j2", key=key)
    assert javaproperties.loads(text) == {"spring.ai.openai.api-key": key}


@given(keys)
@example(VISIBLE)
@example("%(a)s")
def test_ini(key: str) -> None:
    parser = ConfigParser()
    parser.read_string(ready("openai.ini.j2", key=key))
    assert parser["openai"]["api_key"] == key


@given(keys)
@example(VISIBLE)
@example("a'b\\'c\\\\'d\\\\e\\f")
def test_dotenv(key: str) -> None:
    assume("${" not in key and not key.endswith("\\"))
    text = ready("openai.env.j2", key=key)
    read = dotenv.dotenv_values(stream=StringIO(text))
    assert read == {"OPENAI_API_KEY": key, "OPENAI_API_KEY_ID": "key_1"}


@pytest.mark.parametrize("key", ["a${HOME}", "${", "a\\", "'\\\\"])
def test_keys_that_no_dotenv_file_holds_are_refused(key: str) -> None:
    (told,) = problems((READY / "openai.env.j2").read_text(), key=key)
    assert told.startswith("line 9: the value ")


def nginx_reads(text: str) -> list[dict[str, Any]]:
    """crossplane takes quotes off, and leaves it to nginx to halve backslashes."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "nginx.conf"
        file.write_text(text)
        read = crossplane.parse(str(file), check_ctx=False, check_args=False)
    assert read["status"] == "ok"
    directives: list[dict[str, Any]] = read["config"][0]["parsed"]
    return directives


@given(keys.map(lambda key: key.replace("$", "")))
@example(VISIBLE.replace("$", ""))
def test_nginx(key: str) -> None:
    (directive,) = nginx_reads(ready("nginx-openai.conf.j2", key=key))
    assert directive["directive"] == "proxy_set_header"
    name, value = directive["args"]
    assert name == "Authorization"
    assert value.replace("\\\\", "\\") == f"Bearer {key}"


@given(keys)
@example('a"b\\c\\"d\\\\\'e')
def test_nginx_by_its_own_rule(key: str) -> None:
    """ngx_conf_read_token: a backslash takes the meaning of the next character, and goes before
    a quote or another backslash."""
    assume("$" not in key)
    written = made("{{ key | nginx }}", key=key)
    assert written[0] == '"'
    read, rest = "", written[1:]
    while rest[0] != '"':
        if rest[0] == "\\":
            assert rest[1] in "\"'\\", "any other pair stays two characters, or is a control"
            rest = rest[1:]
        read, rest = read + rest[0], rest[1:]
    assert (read, rest) == (key, '"')


def test_a_dollar_that_nginx_would_replace_is_refused() -> None:
    (told,) = problems((READY / "nginx-openai.conf.j2").read_text(), key="a$b")
    assert "nginx takes for a variable and can't escape: rotate the key" in told


@given(st.lists(keys, min_size=1, max_size=30))
@settings(max_examples=20)
def test_a_shell(several: list[str]) -> None:
    line = "KEY={{ key | shell }}\nprintf '%s\\n' \"$KEY\"\n"
    script = "".join(made(line, key=key) for key in several)
    done = subprocess.run(["sh", "-u"], input=script, capture_output=True, text=True, check=True)
    assert (done.stderr, done.stdout.splitlines()) == ("", several)


# Not of keys, but of texts that a template itself may hold.
texts = st.text(st.characters(codec="utf-8"), max_size=20)


@given(texts)
@example("\x7f\x85\u2028\ufeff\U0001f600\\ud83d\\ude00")
def test_any_text_is_the_same_in_json_and_yaml(text: str) -> None:
    written = made("{{ name | json }}", name=text)
    assert json.loads(written) == text
    assert yaml.safe_load(written) == text


@given(texts)
@example(" \U0001f600\x7f\n")
def test_any_text_stands_in_java_properties(text: str) -> None:
    written = made("a {{ name | properties }}", name=text)
    assert written.isascii()
    assert javaproperties.loads(written) == {"a": text}


@pytest.mark.parametrize("name", ["dotenv", "shell", "ini", "nginx"])
def test_a_line_end_is_refused_where_a_value_is_a_line(name: str) -> None:
    (told,) = problems(f"{{{{ name | {name} }}}}", name="a\nb")
    assert told.startswith("line 1: the value has a character that can't stand in ")


def test_a_space_that_an_ini_file_would_lose() -> None:
    (told,) = problems("{{ name | ini }}", name="a ")
    assert told == "line 1: the value has a space at an end, which INI files drop: remove it"
