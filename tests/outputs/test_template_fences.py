"""Templates can do no more than they should: none reaches out, and no mistake shows a value."""

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

from tests.outputs.templating import KEYS, made, members, problems


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
