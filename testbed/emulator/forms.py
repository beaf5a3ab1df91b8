"""Multipart forms, read as they come: of a file its size and SHA-256, and nothing is stored.

Source: https://platform.openai.com/docs/api-reference/files/create; RFC 7578.
"""

import hashlib
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from testbed.emulator.errors import APIError, api_error

LONGEST_FIELD = 64 << 10
"""Bytes of a field that is no file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    filename: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Form:
    """Fields and files by the name of their part; of two with one name the last."""

    fields: dict[str, str]
    files: dict[str, Upload]

    def require_field(self, name: str) -> str:
        """Return a field; raises APIError (400) when it is missing."""
        if name not in self.fields:
            raise _missing(name)
        return self.fields[name]

    def require_file(self, *names: str) -> Upload:
        """Return the file of the first of these names that came; raises APIError (400) for none."""
        for name in names:
            if name in self.files:
                return self.files[name]
        raise _missing(names[0])


async def read_form(request: Request) -> Form:
    """Read the body; raises APIError (400) when it is no whole form."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise api_error(400, "Could not parse multipart form: the Content-Type has no boundary.")
    reader = _Reader()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin,
                "on_part_data": reader.take_data,
                "on_part_end": reader.end_part,
                "on_header_field": reader.take_name,
                "on_header_value": reader.take_value,
                "on_header_end": reader.end_header,
                "on_headers_finished": reader.end_headers,
                "on_end": reader.end,
            },
        )
        async for piece in request.stream():
            parser.write(piece)
    except FormParserError as error:
        raise api_error(400, f"Could not parse multipart form: {error}") from None
    if not reader.ended:
        raise api_error(400, "Could not parse multipart form: it has no end.")
    return Form(reader.fields, reader.files)


@dataclass(slots=True)
class _Reader:
    """What the parser has found so far."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)
    ended: bool = False
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _header: tuple[bytearray, bytearray] = field(default_factory=lambda: (bytearray(), bytearray()))
    _name: str = ""
    _filename: str | None = None
    _size: int = 0
    _text: bytearray = field(default_factory=bytearray)
    _content: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def begin(self) -> None:
        self._headers = {}
        self._size = 0
        self._text = bytearray()
        self._content = hashlib.sha256()

    def take_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def take_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def end_headers(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode(errors="replace")
        filename = options.get(b"filename")
        self._filename = None if filename is None else filename.decode(errors="replace")

    def take_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._filename is not None:
            self._content.update(memoryview(data)[start:end])
        elif self._size > LONGEST_FIELD:
            raise FormParserError(f"the field {self._name!r} is too long.")
        else:
            self._text.extend(data[start:end])

    def end_part(self) -> None:
        if self._filename is None:
            self.fields[self._name] = self._text.decode(errors="replace")
        else:
            upload = Upload(self._filename, self._size, self._content.hexdigest())
            self.files[self._name] = upload

    def end(self) -> None:
        self.ended = True


def _missing(name: str) -> APIError:
    message = f"Missing required parameter: '{name}'."
    return api_error(400, message, param=name, code="missing_required_parameter")
