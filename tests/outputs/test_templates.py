"""What templates can do, and how a mistake in one is told."""

from __future__ import annotations

import pytest
from freshkey.outputs.template_filters import FILTERS
from freshkey.outputs.templates import compiled

from tests.outputs.templating import KEY, KEYS, made, problems

KNOWN = "key, name, tag, generation, not_after, api_key_id"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("{{ key }}\n", f"{KEY}\n"),
        ("{# not shown #}{{ name }} {{ tag }} {{ generation }}", "billing 7-3fa9c2d1 7"),
        ("{{ not_after }} {{ api_key_id }}", "2026-11-23T22:00:00Z key_1"),
        ("{{ keys.billing.tag }}{{ keys['billing']['tag'] }}", "7-3fa9c2d17-3fa9c2d1"),
        ('{{ keys["a-b"].key }}', "sk-second"),
        ('{{ "Bearer " ~ key }}', f"Bearer {KEY}"),
        ("{{ 'none' if api_key_id is none else api_key_id }}", "key_1"),
        ("{% if not generation == 7 %}a{% elif generation < 9 %}b{% else %}c{% endif %}", "b"),
        ("{% if name == 'billing' and (1 > 2 or 'x' in 'xyz') %}yes{% endif %}", "yes"),
        (
            "{% for n in keys %}{{ keys[n].key }}{{ '' if loop.last else ', ' }}{% endfor %}",
            f"{KEY}, sk-second",
        ),
        (
            "{% for name in keys %}{{ loop.index }}{{ name }} {% endfor %}{{ name }}",
            "1billing 2a-b billing",
        ),
        ("<{{ '&' }}>\r\n", "<&>\n"),
    ],
)
def test_a_template_is_filled(text: str, expected: str) -> None:
    assert made(text) == expected


def test_a_value_that_is_missing() -> None:
    given = "{{ not_after or '' }}|{{ not_after | json }}|{% if not_after is none %}none{% endif %}"
    assert made(given, not_after=None) == "|null|none"
    told = 'line 2: there is no value: write (… or "") around it, or use the json filter'
    assert problems("\n{{ not_after }}", not_after=None) == (told,)


def test_a_template_says_which_keys_it_uses() -> None:
    assert compiled("{{ key }}", KEYS).uses == set()
    assert compiled("{% if keys.billing.generation > 1 %}x{% endif %}", KEYS).uses == {"billing"}
    assert compiled("{% for name in keys %}{% endfor %}", KEYS).uses == {"billing", "a-b"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ kye }}", f"kye is unknown: known here are {KNOWN}, keys"),
        ("{{ keys.other.key }}", 'keys["other"] is not configured: there are billing, a-b'),
        ("{{ keys.a-b.key }}", "arithmetic is not taken"),
        ("{{ keys }}", "keys alone is no text: write keys.NAME.key"),
        ("{{ keys.billing }}", "keys.billing alone is no text: add .key"),
        ("{{ keys.billing | json }}", "keys.billing alone is no text: add .key"),
        ("{{ keys.billing.secret }}", f"a key has no secret: it has {KNOWN}"),
        ("{{ keys[name].key }}", 'a key is chosen by its name: write keys["NAME"]'),
        ("{{ keys[0].key }}", 'a key is chosen by its name: write keys["NAME"]'),
        ("{{ keys.billing[0] }}", f"a key has no such member: it has {KNOWN}"),
        ("{{ loop.index }}", "only keys.NAME has members"),
        ("{{ 'x' if key }}", 'an if within an expression needs else: add else ""'),
        ("{{ 1.5 }}", "a number with a fraction is not taken here: remove it"),
        ("{{ key == tag }}", "true or false is no text: use {% if %}"),
        ("{{ key < generation }}", "compares what can't be compared"),
        (r"{{ '\ud800' }}", "can't be rendered (UnicodeEncodeError): simplify it"),
        ("{{ key", "unexpected end of template"),
        ("{% if key %}", "Unexpected end of template"),
        ("{% do key %}", "Encountered unknown tag 'do'"),
        ("{{ key | upper }}", "the filter upper is not taken: known are json, dotenv, shell"),
        ("{{ key | json(1) }}", "the filter json takes nothing in parentheses: remove them"),
        ("{{ key is defined }}", "a test other than none is not taken here: remove it"),
        ("{% for n in keys %}{{ loop }}{% endfor %}", "loop alone is no text: write loop.first"),
        ("{% for n in keys %}{{ loop.cycle }}{% endfor %}", "loop has no cycle: it has first"),
        ("{% for key in keys %}{% endfor %}", "key is taken: write {% for name in keys %}"),
        ("{% for a, b in keys %}{% endfor %}", "{% for %} takes one variable"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, problem: str) -> None:
    (told,) = problems(f"first\nsecond\n{text}")
    assert told.startswith(f"line 3: {problem}")


def test_a_value_that_does_not_fit_is_told_with_its_line() -> None:
    (told,) = problems("{{ name }}\n{{ tag }} {{ name }}\n{{ key | nginx }}\n{{ tag }}", key="$")
    assert told.startswith("line 3: the value has a $")


def test_all_mistakes_are_told_together() -> None:
    assert problems("{{ a }}\n{{ key | x }}\n{% set y = 1 %}\n{{ keys.z.key }}") == (
        f"line 1: a is unknown: known here are {KNOWN}, keys",
        f"line 2: the filter x is not taken: known are {', '.join(FILTERS)}",
        "line 3: {% set %} is not taken here: remove it",
        'line 4: keys["z"] is not configured: there are billing, a-b',
    )
