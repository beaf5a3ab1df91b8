"""Files: uploads are counted and digested; what is downloaded is the pattern, of the same size.

Source: https://platform.openai.com/docs/api-reference/files
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from testbed.emulator import pattern
from testbed.emulator.errors import api_error
from testbed.emulator.forms import Upload, read_form
from testbed.emulator.middleware import Middleware
from testbed.emulator.paging import page
from testbed.emulator.records import ServiceAccount, new_id
from testbed.emulator.state import EmulatorState
from testbed.emulator.streams import Streams


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that was uploaded, without its content."""

    id: str
    upload: Upload
    purpose: str
    created_at: float

    def body(self) -> dict[str, object]:
        """Return it as the API shows it, and `sha256`, which is for tests."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.upload.size,
            "created_at": int(self.created_at),
            "expires_at": None,
            "filename": self.upload.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
            "sha256": self.upload.sha256,
        }


class FilesAPI:
    """The endpoints under /v1/files."""

    def __init__(self, state: EmulatorState, streams: Streams) -> None:
        self._state = state
        self._streams = streams

    def routes(self, middleware: Middleware[ServiceAccount]) -> list[Route]:
        """Return the routes, each behind the middleware."""
        root, one = "/v1/files", "/v1/files/{file_id}"
        return [
            middleware.route("POST", root, "files.create", self._create, streams_body=True),
            middleware.route("GET", root, "files.list", self._list),
            middleware.route("GET", one, "files.get", self._get),
            middleware.route("GET", f"{one}/content", "files.content", self._content),
            middleware.route("DELETE", one, "files.delete", self._delete),
        ]

    async def _create(self, request: Request, _: ServiceAccount) -> Response:
        form = await read_form(request)
        upload, purpose = form.require_file("file"), form.require_field("purpose")
        made = StoredFile(new_id("file-"), upload, purpose, self._state.now())
        self._state.files[made.id] = made
        return JSONResponse(made.body())

    async def _list(self, request: Request, _: ServiceAccount) -> Response:
        files = [*self._state.files.values()]
        return JSONResponse(
            page(request.query_params, files, lambda file: file.id, lambda file: file.body())
        )

    async def _get(self, request: Request, _: ServiceAccount) -> Response:
        return JSONResponse(self._find(request).body())

    async def _content(self, request: Request, _: ServiceAccount) -> Response:
        file = self._find(request)
        content = pattern.pieces(file.upload.size)
        kind = "application/octet-stream"
        answer = self._streams.answer(request, "files.content", content, kind)
        answer.headers["content-length"] = str(file.upload.size)
        answer.headers["content-disposition"] = f'attachment; filename="{file.id}"'
        return answer

    async def _delete(self, request: Request, _: ServiceAccount) -> Response:
        file = self._find(request)
        del self._state.files[file.id]
        return JSONResponse({"id": file.id, "object": "file", "deleted": True})

    def _find(self, request: Request) -> StoredFile:
        file_id = request.path_params["file_id"]
        file = self._state.files.get(file_id)
        if file is None:
            raise api_error(404, f"No such File object: {file_id}", param="id")
        return file
