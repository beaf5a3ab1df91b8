"""What templates can do, and that they can do no more."""

from __future__ import annotations

import contextlib

import pytest
from freshkey.outputs import templates
from freshkey.outputs.template_filters import FILTERS
from freshkey.outputs.template_rules import LOOP_MEMBERS, MEMBERS
from freshkey.outputs.template_source import TemplateError
from freshkey.outputs.templates import compiled
from hypothesis import example, given
from hypothesis import strategies as st

from tests.outputs.templating import KEY, KEYS, made, members, problems

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


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("{{ ''.__class__.__mro__ }}", "only keys.NAME has members"),
        ("{{ key['__class__'] }}", "only keys.NAME has members"),
        ("{{ key.upper }}", "only keys.NAME has members"),
        ("{{ keys.__class__.key }}", 'keys["__class__"] is not configured'),
        ("{{ keys.billing.__class__ }}", "a key has no __class__"),
        ("{{ keys.billing.key.__class__ }}", "only keys.NAME has members"),
        ("{{ key[0] }}", "only keys.NAME has members"),
        ("{{ key[1:] }}", "only keys.NAME has members"),
        ("{{ key | attr('__class__') }}", "the filter attr is not taken"),
        ("{{ key is none('x') }}", "a test other than none is not taken"),
        ("{{ key is none(key.__class__) }}", "a test other than none is not taken"),
        ("{{ key | json(*keys) }}", "the filter json takes nothing in parentheses"),
        ("{{ keys.items() }}", "a call is not taken"),
        ("{{ '{0.__class__}'.format(key) }}", "a call is not taken"),
        ("{{ range(9) }}", "a call is not taken"),
        ("{{ lipsum.__globals__ }}", "only keys.NAME has members"),
        ("{{ self }}", "self is unknown"),
        ("{{ cycler }}", "cycler is unknown"),
        ("{{ '%0999999d' % generation }}", "arithmetic is not taken"),
        ("{{ key * 999999 }}", "arithmetic is not taken"),
        ("{{ 9 ** 9 ** 9 }}", "arithmetic is not taken"),
        ("{{ -generation }}", "arithmetic is not taken"),
        ("{{ [key] }}", "a list is not taken"),
        ("{{ (key, key) }}", "a list is not taken"),
        ("{{ {} }}", "a dictionary is not taken"),
        ("{% set x = key %}", "{% set %} is not taken"),
        ("{% set x %}{% endset %}", "{% set %} is not taken"),
        ("{% macro x() %}{% endmacro %}", "{% macro %} is not taken"),
        ("{% call key() %}{% endcall %}", "{% call %} is not taken"),
        ("{% include '/etc/passwd' %}", "{% include %} is not taken"),
        ("{% import 'x' as x %}", "{% import %} is not taken"),
        ("{% from 'x' import x %}", "{% import %} is not taken"),
        ("{% extends 'x' %}", "{% extends %} is not taken"),
        ("{% block x %}{% endblock %}", "{% block %} is not taken"),
        ("{% with %}{% endwith %}", "{% with %} is not taken"),
        ("{% filter json %}{% endfilter %}", "{% filter %} is not taken"),
        ("{% autoescape true %}{% endautoescape %}", "{% autoescape %} is not taken"),
        ("{% for c in 'ab' %}{% endfor %}", "{% for %} goes over keys alone"),
        ("{% for n in keys.billing %}{% endfor %}", "{% for %} goes over keys alone"),
        ("{% for n in keys if n %}{% endfor %}", "{% for %} goes over keys alone"),
        ("{% for n in keys %}{% else %}{{ key }}{% endfor %}", "{% for %} goes over keys alone"),
        ("{% for n in keys recursive %}{% endfor %}", "{% for %} goes over keys alone"),
        (
            "{% for n in keys %}{% for m in keys %}{% endfor %}{% endfor %}",
            "{% for %} can't stand within another",
        ),
    ],
)
def test_what_could_reach_out_or_go_on_for_ever_is_refused(text: str, refused: str) -> None:
    (told,) = problems(text)
    assert told.startswith(f"line 1: {refused}")


class LenientInspector:
    """Lets all syntax in."""

    def __init__(self, *_: object) -> None:
        self.problems: list[tuple[int, str]] = []
        self.uses: set[str] = set()


@pytest.mark.parametrize(
    "text",
    [
        "{{ key.__class__ }}",
        "{{ key.upper }}",
        "{{ key['__class__'] }}",
        "{{ key[0] }}",
        "{{ keys.items }}",
        "{% for n in keys %}{{ loop.__init__ }}{% endfor %}",
        "{{ key() }}",
        "{{ range(9) }}",
        "{{ self.__init__ }}",
    ],
)
def test_the_second_fence_holds_without_the_first(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(templates, "Inspector", LenientInspector)
    assert made("{{ keys.billing.name }}") == "billing"
    (told,) = problems(text)
    assert any(why in told for why in ("there is no value", "UndefinedError", "a call is not"))


DEEP = 3000


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * DEEP + "key" + ")" * DEEP + " }}",
        "{{ " + "not " * DEEP + "key }}",
        "{{ " + "not " * 60 + "key }}",
        "{{ key" + " and key" * 60 + " }}",
        "{% if key %}" * DEEP + "{% endif %}" * DEEP,
        "{% if key %}" * 60 + "{% endif %}" * 60,
    ],
)
def test_what_nests_deep_ends_in_one_line(text: str) -> None:
    (told,) = problems(text)
    assert "nests too deep" in told


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 9000])
def test_a_number_that_is_too_long(number: str) -> None:
    assert len(problems(f"{{{{ {number} }}}}")) == 1


BIG = 64 * 1024


@pytest.mark.parametrize(
    "text",
    [
        "{{ key }}" * 5000,
        "{{ key" + " ~ key" * 5000 + " }}",
        "{% for n in keys %}" + "{{ keys[n].key }}" * 3000 + "{% endfor %}",
    ],
)
def test_what_is_made_is_bounded(text: str) -> None:
    assert problems(text) == (f"makes more than {BIG} bytes: shorten it",)


def test_as_much_as_may_be_made() -> None:
    assert len(made("ä" * (BIG // 2))) == BIG // 2
    assert problems("ä" * (BIG // 2) + "{{ '' }}x") == (f"makes more than {BIG} bytes: shorten it",)


def test_filters_of_filters_do_not_grow_without_end() -> None:
    nine = "{{ key" + " | json" * 9 + " }}"
    assert problems(nine) == ("line 1: has more than 8 filters: use fewer",)
    long = "line 1: the value is longer than 65536 characters: use fewer filters"
    assert problems("{{ key" + " | json" * 8 + " }}", key="\\" * 1000) == (long,)
    assert problems("{{ (key" + " ~ key" * 5000 + ") | json }}") == (long,)


MARK = "sk-never-told"


@pytest.mark.parametrize("name", FILTERS)
def test_no_value_is_told(name: str) -> None:
    for odd in ("$", "${", "\\", "\n", "\x00", " "):
        with contextlib.suppress(TemplateError):
            made(f"{{{{ key | {name} }}}}{{{{ key < 1 }}}}", key=MARK + odd)
    for text in (f"{{{{ key | {name} }}}}{{{{ key < 1 }}}}", "{{ keys[key].key }}"):
        told = problems(text, key=MARK + "\x00$")
        assert MARK not in str(told)


WORDS = [
    *("{{", "}}", "{%", "%}", "{#", "#}", "-", "\n", " ", "'", '"', "(", ")", "[", "]", ".", "|"),
    *("if", "else", "elif", "endif", "for", "in", "endfor", "set", "not", "is", "none", "and"),
    *("keys", "loop", "billing", "a-b", "~", "==", "+", "1", "x", "__class__", "recursive", ","),
    *MEMBERS,
    *LOOP_MEMBERS,
    *FILTERS,
]


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=30))
@example("{{ '<' }}")
def test_whatever_stands_in_a_template_is_filled_or_refused(text: str) -> None:
    for whole in (
        text,
        f"{{{{ {text} }}}}",
        f"{{% {text} %}}",
        f"{{% if key %}}{text}{{% endif %}}",
    ):
        told, content = outcome(whole)
        assert bool(told) != (content is not None)
        assert all(problem.isprintable() for problem in told)
        assert "<" in text or "<" not in str(content), "no object of Python shows"


def outcome(text: str) -> tuple[tuple[str, ...], str | None]:
    try:
        return (), compiled(text, KEYS).render(members(), KEYS).decode()
    except TemplateError as error:
        return error.problems, None
