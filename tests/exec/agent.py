"""A stand-in for the agent: keys on a real Unix socket, one stream of events for each reader."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

Listing = list[dict[str, str]]

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hi\n\n"


def key(number: int, name: str = "billing") -> str:
    """The key of a generation, made up."""
    return f"sk-svcacct-made-up-{name}-{number}"


class EventsAgent:
    """Holds keys and tells their readers; `refuse` answers their streams with an error instead."""

    def __init__(self, path: Path, *names: str) -> None:
        self.path = path
        self.keys: dict[str, int] = dict.fromkeys(names or ("billing",), 0)
        self.refuse: tuple[str, str] | None = None
        self.base_url = ""  # of the gateway, which a run is told once there is one
        self.runs: list[str | None] = []  # what came with each question of a run
        self.last_ids: list[str | None] = []
        self.told: list[str] = []
        self._changed = threading.Condition()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._stopping = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._run(self._accept, self._listener)

    def stop(self) -> None:
        """Hang up on everybody."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for one in [self._listener, *self._connections]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._connections.clear()
        self._listener.close()
        self.path.unlink()

    def publish(self, number: int, name: str = "billing") -> None:
        with self._changed:
            self.keys[name] = number
            self._changed.notify_all()

    def open_gateway(self, base_url: str) -> None:
        with self._changed:
            self.base_url = base_url
            self._changed.notify_all()

    def _run(self, target: Callable[[socket.socket], None], argument: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(argument,))
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._connections.append(connection)
                self._run(self._answer, connection)

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as stream:
            while line := stream.readline().decode():
                headers = {}
                while header := stream.readline().decode().strip():
                    name, _, value = header.partition(": ")
                    headers[name.lower()] = value
                path = line.split()[1]
                if path == "/v1/gateway/run":
                    self.runs.append(headers.get("authorization"))
                if path == "/v1/keys":
                    self._send(connection, "200 OK", [{"name": name} for name in self.keys])
                elif self.refuse:
                    status, detail = self.refuse
                    self._send(connection, status, {"detail": detail})
                elif path == "/v1/gateway/run":
                    self._tell_base_url(connection)
                else:
                    self._tell(connection, path.split("/")[3], headers.get("last-event-id"))

    def _send(self, connection: socket.socket, status: str, content: object) -> None:
        body = json.dumps(content).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _tell_base_url(self, connection: socket.socket) -> None:
        connection.sendall(_HEAD)
        told = ""
        while not self._stopping:
            with self._changed:
                if told == self.base_url:
                    self._changed.wait()
                    continue
                told = self.base_url
            content = json.dumps({"base_url": told})
            connection.sendall(f"event: run\ndata: {content}\n\n".encode())

    def _tell(self, connection: socket.socket, name: str, told: str | None) -> None:
        self.last_ids.append(told)
        connection.sendall(_HEAD)
        while not self._stopping:
            with self._changed:
                number = self.keys[name]
                if not number or told == f"{number}-tag":
                    self._changed.wait()
                    continue
            told = f"{number}-tag"
            content = {"name": name, "key": key(number, name), "tag": told}
            self.told.append(told)
            connection.sendall(f"event: key\nid: {told}\ndata: {json.dumps(content)}\n\n".encode())
