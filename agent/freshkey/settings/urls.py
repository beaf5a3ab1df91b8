"""URLs and addresses, as the configuration names them; see `values`."""

import re
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from freshkey.settings.values import WrongValueError, quoted, string, word

_OPENAI: Final = "api.openai.com"
_LABEL: Final = 63  # characters


def host_name(value: object) -> str:
    """Take a name that TLS can ask for: labels of 1 to 63 characters (RFC 1035, 2.3.4)."""
    checked = word(value)
    if not all(0 < len(label) <= _LABEL for label in checked.removesuffix(".").split(".")):
        raise WrongValueError(
            f"is {quoted(checked)}, which is no host name: write one such as vault.example"
        )
    return checked


def url(value: object) -> str:
    """Take an http or https URL without user, query and fragment; return it without last slash."""
    checked = word(value)
    try:
        parts = urlsplit(checked)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        usable = False
        parts = urlsplit("")
    if not usable or "@" in parts.netloc or "?" in checked or "#" in checked:
        raise WrongValueError(
            "must be a URL of scheme http or https with a host, and without user, query "
            'and fragment, such as "https://vault.example:8200"'
        )
    return checked.rstrip("/")


def vault_url(value: object) -> str:
    """Take an address of Vault, without the path of its API or of its pages."""
    checked = url(value)
    parts = urlsplit(checked)
    for more in ("/v1", "/ui"):
        before, found, _ = f"{parts.path}/".partition(f"{more}/")
        if found:
            better = quoted(parts._replace(path=before).geturl())
            raise WrongValueError(f"has {more} after the address: write {better}")
    return checked


def api_url(value: object) -> str:
    """Take a URL to which keys are sent: plain http goes to loopback only."""
    checked = url(value)
    parts = urlsplit(checked)
    better = checked.removesuffix("/models")
    if parts.hostname == _OPENAI and not parts.path:
        better = f"{checked}/v1"
    if better != checked:
        raise WrongValueError(f"is not where OpenAI's API begins: write {quoted(better)}")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise WrongValueError("sends keys over plain http: use https, or an address of loopback")
    return checked


def exchange_url(value: object) -> str:
    """Take the URL of an exchange, which is sent identity tokens: as for `api_url`."""
    checked = url(value)
    parts = urlsplit(checked)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise WrongValueError("sends tokens over plain http: use https, or an address of loopback")
    return checked


class HostPort(NamedTuple):
    """A TCP address; the host is an IP address, v6 without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def host_port(value: object) -> HostPort:
    """Take an IP address with a port, such as "127.0.0.1:9464" or "[::1]:9464"."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[0-9.]+):([0-9]{1,5})", string(value))
    wrong = WrongValueError('must be an IP address with a port, such as "127.0.0.1:9464"')
    if found is None or not 0 < int(found[2]) < 1 << 16:
        raise wrong
    host = found[1].strip("[]")
    try:
        ip_address(host)
    except ValueError:
        raise wrong from None
    return HostPort(host, int(found[2]))


def loopback_port(value: object) -> HostPort:
    """Take an address of loopback with a port."""
    try:
        checked = host_port(value)
    except WrongValueError as error:
        raise WrongValueError(str(error).replace("9464", "8317")) from None
    if not is_loopback(checked.host):
        raise WrongValueError(
            f"is {quoted(str(checked))}, where other machines could connect: name an address of "
            'loopback, such as "127.0.0.1:8317"'
        )
    return checked


def api_path(value: object) -> str:
    """Take a path below that of OpenAI's API; return it without last slash."""
    checked = word(value).rstrip("/")
    if not re.fullmatch(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~:-]*)+", checked):
        raise WrongValueError('must be a path below the API\'s, such as "/responses"')
    if checked.casefold().startswith("/organization"):
        raise WrongValueError("is OpenAI's administration, which is never passed on: remove it")
    if checked.startswith("/v1/"):
        raise WrongValueError(f"begins with /v1: write {quoted(checked.removeprefix('/v1'))}")
    return checked


def is_loopback(host: str) -> bool:
    """Whether a host, a name or an address, is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
