"""Reads the configuration: TOML (https://toml.io/en/v1.0.0) and variables in, `Settings` out."""

import codecs
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from freshkey.core.model.text import one_line
from freshkey.settings.environment import fill_vault, refused_variables, with_token
from freshkey.settings.faults import Finding, SettingsError, SettingsFault, independent, rendered
from freshkey.settings.federation_rules import useless_options
from freshkey.settings.file_names import path_text
from freshkey.settings.model import Settings
from freshkey.settings.rules import bad_names, broken_rules
from freshkey.settings.structure import Document, structure
from freshkey.settings.trust import writable_by


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the file at `path`; `environ` gives what the file leaves unset.

    Raises `SettingsError` with every fault of the file, or the one that keeps it from being read.
    """
    document = _read(path)
    origins = fill_vault(document, environ)
    settings, findings = structure(document, path.absolute().parent)
    settings, wrong_token = with_token(settings, environ)
    findings += wrong_token
    findings += [
        *independent(broken_rules(settings, path.absolute()), findings),
        *refused_variables(settings, environ),
        *bad_names(settings),
        *useless_options(document),
    ]
    if not findings:
        return settings
    order = Settings.__struct_fields__
    findings.sort(key=lambda item: order.index(item.place[0]) if item.place[0] in order else -1)
    raise SettingsError(tuple(_fault(item, origins.get(item.place)) for item in findings))


def _fault(finding: Finding, variable: str | None) -> SettingsFault:
    origin = f" (from {variable})" if variable else ""
    return SettingsFault(rendered(finding.place), finding.message + origin)


def _read(path: Path) -> Document:
    def refused(message: str) -> SettingsError:
        return SettingsError((SettingsFault(one_line(path_text(path)), message),))

    content = b""
    try:
        with path.open("rb") as file:
            if others := writable_by(os.fstat(file.fileno())):
                raise refused(
                    f"can be written by {others}: leave it to root or the agent's user "
                    "(chown, chmod go-w)"
                )
            content = file.read()
            return tomllib.loads(content.removeprefix(codecs.BOM_UTF8).decode())
    except FileNotFoundError:
        raise refused(
            "there is no such file: name the configuration with --config or FRESHKEY_CONFIG"
        ) from None
    except PermissionError:
        raise refused(f"can't be read by user id {os.geteuid()}: give it the right") from None
    except OSError as error:
        raise refused(f"can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise refused("is UTF-16: save it as UTF-8") from None
        raise refused(f"is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    except RecursionError:
        raise refused("nests too deep to be read: nothing in a configuration does") from None
    except ValueError as error:  # TOMLDecodeError, and int()'s for thousands of digits
        raise refused(f"is not valid TOML: {error}") from None
