"""Templates of key files: Jinja2 (https://jinja.palletsprojects.com/en/stable/templates/), fenced.

Two fences stand one behind the other: `template_rules` lets few kinds of syntax in, and the
environment, a sandbox with no globals, looks members up in our mappings only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, final

import jinja2
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from freshkey.core.model.text import one_line
from freshkey.outputs.template_filters import FILTERS, FilterError, as_text
from freshkey.outputs.template_rules import KEYS, LOOP_MEMBERS, Inspector
from freshkey.outputs.template_source import LONGEST, TemplateError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import TracebackType

Members = dict[str, object]  # a key's `template_rules.MEMBERS`

_FILE_NAME: Final = "<template>"  # what Jinja2 calls code that comes of no file


def compiled(text: str, names: Collection[str]) -> Template:
    """Make a template of its text; `names` are those of all keys that are configured.

    Raises TemplateError with all that is wrong.
    """
    environment = _Environment()
    try:
        tree = environment.parse(text)
        inspector = Inspector(tree, names)
        if inspector.problems:
            listed = sorted(set(inspector.problems))
            raise TemplateError(*(f"line {line}: {why}" for line, why in listed))
        code = environment.compile(tree)
    except jinja2.TemplateSyntaxError as error:
        why = one_line(str(error.message)).rstrip(".")
        raise TemplateError(f"line {error.lineno}: {why}") from None
    except RecursionError:
        raise TemplateError("nests too deep to be read: write it flatter") from None
    except ValueError:  # int()'s, for thousands of digits
        raise TemplateError("has a number that is too long: remove it") from None
    template = jinja2.Template.from_code(environment, code, {})
    return Template(template, frozenset(inspector.uses))


@final
class Template:
    """A template that keeps the rules. `uses` names the keys that it reaches by `keys`."""

    def __init__(self, template: jinja2.Template, uses: frozenset[str]) -> None:
        self._template = template
        self.uses = uses

    def render(self, own: Members, keys: Mapping[str, Members]) -> bytes:
        """The content of a file; `own` are the members of its key, `keys` those of all it uses.

        Raises TemplateError, without a value in its text.
        """
        made, length = [], 0
        try:
            context = self._template.new_context({**own, KEYS: dict(keys)}, shared=True)
            for piece in self._template.root_render_func(context):
                made.append(piece.encode())
                length += len(made[-1])
                if length > LONGEST:
                    break
        except Exception as error:  # noqa: BLE001 - what a template can't do must not end the agent
            line = self._line(error.__traceback__)
            why = str(error) if isinstance(error, FilterError) else _unforeseen(error)
            raise TemplateError(f"line {line}: {why}") from None
        if length > LONGEST:
            raise TemplateError(f"makes more than {LONGEST} bytes: shorten it")
        return b"".join(made)

    def _line(self, traceback: TracebackType | None) -> int:
        line = 1
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == _FILE_NAME:
                line = self._template.get_corresponding_lineno(traceback.tb_lineno)
            traceback = traceback.tb_next
        return line


def _unforeseen(error: Exception) -> str:
    if isinstance(error, TypeError):
        return "compares what can't be compared: compare texts with texts, numbers with numbers"
    return f"can't be rendered ({type(error).__name__}): simplify it"


class _Environment(ImmutableSandboxedEnvironment):
    def __init__(self) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            finalize=_finalize,
            autoescape=False,
            keep_trailing_newline=True,
            optimized=False,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = dict(FILTERS)
        self.tests = {"none": lambda value: value is None}

    def getattr(self, obj: object, attribute: str) -> object:
        """Look a member up in a mapping of ours; Python's attributes are none."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in LOOP_MEMBERS:
            return getattr(obj, attribute)
        return self.undefined(name=attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """As `getattr`, by `[ ]`."""
        return self.getattr(obj, argument) if isinstance(argument, str) else self.undefined()

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:  # noqa: ARG002 - overrides
        """No attribute is."""
        return False

    def is_safe_callable(self, obj: object) -> bool:  # noqa: ARG002 - overrides
        """Nothing is called."""
        return False

    def call(self, *_: object, **__: object) -> NoReturn:
        """Nothing is called."""
        raise FilterError("a call is not taken here: remove it")


@jinja2.pass_context  # so that it is never tried while the template is compiled
def _finalize(_: object, value: object) -> str:
    text = as_text(value)
    text.encode()  # here, where the line is known; half of a surrogate pair can't be
    return text
