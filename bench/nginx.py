"""Debian's nginx as a gateway: it puts a fixed header into every request, and passes streams on.

https://nginx.org/en/docs/http/ngx_http_proxy_module.html
"""

from __future__ import annotations

import shutil
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bench.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION: Final = """
daemon off;
worker_processes 1;
error_log {directory}/error.log;
pid {directory}/pid;
events {{ worker_connections 4096; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
    upstream openai {{
        server {upstream};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000000;
        location /v1/ {{
            proxy_pass http://openai;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer bench";
            proxy_buffering off;
        }}
    }}
}}
"""


@contextmanager
def nginx(directory: Path, upstream: str, port: int, cpu: int) -> Iterator[Program]:
    """Run it at a port of loopback, with one worker; SystemExit where there is none."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if program is None:
        sys.exit("bench: there is no nginx: apt-get install nginx-light")
    config = directory / "nginx.conf"
    config.write_text(CONFIGURATION.format(directory=directory, upstream=upstream, port=port))
    command: list[str | Path] = [
        program,
        "-c",
        config,
        "-e",
        directory / "error.log",
        "-g",
        "master_process off;",
    ]
    with Program(command, directory / "log", cpu) as running:
        running.until(lambda: listens(port))
        yield running


def listens(port: int) -> bool:
    """Whether somebody answers at a port of loopback."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port of loopback that nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
