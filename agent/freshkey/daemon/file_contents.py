"""What stands in each key file, and which files a key stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from freshkey.core.model.faults import FaultError
from freshkey.outputs.errors import refusal
from freshkey.outputs.formats import members, render
from freshkey.outputs.template_source import TemplateError, template_of
from freshkey.settings.keys import FileFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from freshkey.core.model.view import Publication
    from freshkey.host.clock import WallClock
    from freshkey.outputs.templates import Template
    from freshkey.settings.keys import FileSettings
    from freshkey.settings.model import Settings


@final
class FileContents:
    """Knows what is published of every key, because a template may use several."""

    def __init__(self, settings: Settings, clock: WallClock) -> None:
        self._keys = settings.keys
        self._clock = clock
        self._shown: dict[str, Publication] = {}
        self._templates: dict[Path, Template] = {}

    def show(self, name: str, publication: Publication | None) -> None:
        """Take note of what is published of a key now; None: nothing."""
        if publication is None:
            self._shown.pop(name, None)
        else:
            self._shown[name] = publication

    def files_with(self, name: str) -> Iterator[tuple[str, FileSettings]]:
        """List the files of a key, then those of others whose templates use it, with their keys."""
        for target in self._keys[name].files:
            yield name, target
        for owner, key in self._keys.items():
            for target in key.files if owner != name else ():
                if name in self._used(target):
                    yield owner, target

    def is_ready(self, owner: str, target: FileSettings) -> bool:
        """Whether every key that this file of the key `owner` needs is published."""
        return owner in self._shown and self.lack(target) is None

    def lack(self, target: FileSettings) -> str | None:
        """Say which other key a file needs that is not published, if there is one."""
        missing = self._used(target) - self._shown.keys()
        return f"keys.{min(missing)} has no key yet: wait until it has" if missing else None

    def of(self, owner: str, target: FileSettings) -> bytes:
        """The content of a file of the key `owner`, which is published.

        Raises FaultError (`output`).
        """
        publication = self._shown[owner]
        template = self._template(target)
        if template is None:
            return render(target, owner, publication, self._not_after(publication))
        if (lack := self.lack(target)) is not None:
            raise refusal(target.path, lack)
        try:
            shown = {name: self._members(name) for name in self._keys if name in template.uses}
            return template.render(self._members(owner), shown)
        except TemplateError as error:
            raise _refused(target.path, error) from None

    def _used(self, target: FileSettings) -> frozenset[str]:
        try:
            template = self._template(target)
        except FaultError:  # told when its own key is published
            return frozenset()
        return frozenset() if template is None else template.uses

    def _template(self, target: FileSettings) -> Template | None:
        """Return a file's template, compiled at its first use, or None for other formats."""
        if target.format is not FileFormat.TEMPLATE:
            return None
        if target.path not in self._templates:
            try:
                self._templates[target.path] = template_of(target, self._keys)
            except TemplateError as error:
                raise _refused(target.path, error) from None
        return self._templates[target.path]

    def _members(self, name: str) -> dict[str, object]:
        publication = self._shown[name]
        return members(name, publication, self._not_after(publication))

    def _not_after(self, publication: Publication) -> str | None:
        expires_at = publication.expires_at
        return None if expires_at is None else self._clock.not_after(expires_at)


def _refused(path: Path, error: TemplateError) -> FaultError:
    return refusal(path, f"its template can't be used: {error}")
