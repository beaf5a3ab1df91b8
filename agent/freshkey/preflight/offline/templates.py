"""Whether the template of a key file can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.outputs.template_source import TemplateError, template_of
from freshkey.settings.faults import Finding
from freshkey.settings.keys import FileFormat

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from freshkey.settings.faults import Place
    from freshkey.settings.keys import FileSettings


def template_findings(
    place: Place, file: FileSettings, names: Collection[str]
) -> Iterator[Finding]:
    """List what is wrong with a file's template; `names` are those of all configured keys."""
    if file.format is not FileFormat.TEMPLATE:
        return
    option = "template" if file.template_file is None else "template_file"
    try:
        template_of(file, names)
    except TemplateError as error:
        for problem in error.problems:
            yield Finding((*place, option), problem)
