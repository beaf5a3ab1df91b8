"""What to say of an option that a table does not have."""

from freshkey.core.model.struct import Struct
from freshkey.settings.auth import AUTH_METHODS, AppRoleAuth
from freshkey.settings.model import Settings
from freshkey.settings.values import quoted


def unknown(name: str, table: type[Struct]) -> str:
    """Say what is wrong with it, and which one may be meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - slow, and for a faulty file alone

    if name == "secret_id" and table is AppRoleAuth:
        return "is not allowed here: put it in a file, and name that in secret_id_file"
    if table in AUTH_METHODS.values():
        methods = [
            quoted(method)
            for method in AUTH_METHODS
            if name in AUTH_METHODS[method].__struct_fields__
        ]
        if methods:
            return f"belongs to method {' or '.join(methods)}: remove it, or change the method"
    if name in Settings.__struct_fields__:
        return f"stands in the wrong table: write [{name}]"
    known = table.__struct_fields__
    if close := get_close_matches(name, known, n=1):
        return f"is unknown: did you mean {close[0]}?"
    return f"is unknown: known here are {', '.join(known)}"
