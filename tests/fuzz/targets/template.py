"""Templates of key files: a text is refused in words, or makes a file of bounded size, no more."""

from __future__ import annotations

from contextlib import suppress

from freshkey.outputs.template_source import LONGEST, TemplateError
from freshkey.outputs.templates import compiled

from tests.fuzz.canary import hidden_in
from tests.fuzz.target import Target
from tests.outputs.templating import KEY, KEYS, members

INTERNAL = (b"<class", b"<function", b"<module", b" object at 0x", b"<bound", b"<built-in")


def check(data: bytes) -> None:
    for changed in ({}, {"not_after": None, "api_key_id": None}):
        try:
            made = compiled(data.decode("latin-1"), KEYS).render(members(**changed), KEYS)
        except TemplateError as error:
            hidden_in(error.problems, KEY)
        else:
            assert len(made) <= LONGEST
            for sign in INTERNAL:
                assert sign not in made or sign in data or b"<" in data, made


TARGET = Target(
    check,
    (
        b"{{ key }}\n",
        b"{{ key < generation }}",
        b"{% for n in keys %}{{ keys[n].key }}{{ '' if loop.last else ', ' }}{% endfor %}",
        b"{% if not_after is none or generation > 1 %}{{ name | json }}{% else %}x{% endif %}",
        b'{{ keys.billing.tag ~ "-" ~ keys["a-b"].key | shell }}{# c #}',
        b"OPENAI_API_KEY={{ key | yaml | toml | ini }}",
    ),
    (
        *(b"{{", b"}}", b"{%", b"%}", b"{#", b"__class__", b".__init__", b"|attr('x')", b"()."),
        *(b"['", b"loop", b"self", b"cycler", b"range(9)", b"lipsum", b"namespace"),
        *(b"{% include 'x' %}", b"{% macro a() %}", b"{% set x = 1 %}", b"(" * 100),
        *(b"not " * 300, b"-" * 100, b"~ key" * 500, b"9" * 5000, b"1.5", b"\\ud800", b"'\\x00'"),
        *(b"|json" * 9, b"{% if 1 %}" * 60, b"{% endif %}", b"{% for a in keys %}" * 5),
        *(b"{% endfor %}", b"'x' * 9999", b"**", b"keys.billing", b"key"),
    ),
)

with suppress(TemplateError):
    compiled("", KEYS)  # Jinja2 is imported before the first input is timed
