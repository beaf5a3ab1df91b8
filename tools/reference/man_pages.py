"""freshkey(1) and freshkey.toml(5)."""

from __future__ import annotations

from typing import Final

from freshkey import __version__
from freshkey.cli.arguments import DEFAULT_CONFIG
from freshkey.settings.environment import VARIABLES

from tools.reference.commands import commands
from tools.reference.options import Option, tables
from tools.reference.roff import ManualPage

WHAT_IT_IS: Final = """
The agent logs in to HashiCorp Vault, takes a short-lived OpenAI key as a lease, renews or replaces
it in time, writes it atomically to files on tmpfs, and serves it on a Unix socket. `run` is the
agent; `status`, `get`, `watch`, `rotate`, and `exec` ask a running one.
"""
STATUS: Final = {
    "0": "Done.",
    "1": "Failed at run time.",
    "2": "Wrong usage, or an invalid configuration.",
}
MORE_STATUS: Final = """
`report` ends with 1, too, when a key lived too long, or an account belongs to nobody; `check
--online` when a test failed. `exec` ends with the status of its command, or 128 + n after signal n.
"""
EXAMPLES: Final = {
    "freshkey init": "Ask for what is needed, and write a configuration.",
    "freshkey check --online": "Test it, and Vault, OpenAI, and this machine.",
    "freshkey get billing": "Print a key.",
    "freshkey exec -- ./app": "Run a program with the key in OPENAI_API_KEY.",
    "freshkey rotate billing --compromised": "Replace a key, and revoke the old one at once.",
    "freshkey report --max-lifetime 1h /var/log/freshkey/audit": "Name keys that lived too long.",
    "freshkey report --requests /var/log/freshkey/audit": "Say what the gateway's clients used.",
}
ENVIRONMENT: Final = {
    "FRESHKEY_CONFIG": "The configuration, where `--config` does not name it.",
    "FRESHKEY_SOCKET": "The agent's socket, where `--socket` does not name it.",
    "VAULT_TOKEN": "The token, for the login method `token` without a `token_file`.",
    ", ".join(VARIABLES.values()): "As other Vault tools read them; the configuration wins.",
}
FILES: Final = {
    DEFAULT_CONFIG: "The configuration, see `freshkey.toml(5)`.",
    "/run/freshkey/freshkey.sock": "The agent's socket.",
    "/run/freshkey/keys": "Key files, as `freshkey init` names them.",
    "/run/freshkey/state": "Its journal, from which the next start goes on without a new key.",
}
SIGNALS: Final = {
    "SIGHUP": "Reload the configuration; one with a fault changes nothing.",
    "SIGTERM, SIGINT": "Stop, as `on_stop` says for each key.",
}
CONVENTIONS: Final = """
The file is TOML. Unknown options are errors, and all errors are reported together. Durations are
seconds, or strings such as "90s", "15m", "1h30m", "2d". An empty string is an unset option.
Relative paths start at the directory of the file. A value in the file wins over its variable.
Nobody but root and the agent's user may be able to write the file.
"""
EXAMPLE: Final = """
[vault]
address = "https://vault.example:8200"

[auth]
role_id_file = "role_id"
secret_id_file = "secret_id"

[keys.billing]
path = "openai/creds/billing"

[[keys.billing.files]]
path = "/run/freshkey/keys/billing"
"""


def command_page() -> str:
    """Return freshkey(1)."""
    purpose = "keep short-lived OpenAI keys from Vault fresh"
    page = ManualPage("freshkey", 1, __version__, purpose)
    page.heading("Synopsis")
    page.paragraph("`freshkey` COMMAND [ARGUMENT …]")
    page.heading("Description")
    page.paragraph(WHAT_IT_IS)
    page.paragraph("Every command takes `--help`; `freshkey --version` prints the version.")
    page.heading("Commands")
    for command in commands():
        page.subheading(command.synopsis)
        page.paragraph(_sentence(command.does))
        for argument in command.arguments:
            page.item(argument.written, _sentence(argument.meaning))
    page.heading("Exit status")
    for status, meaning in STATUS.items():
        page.item(status, meaning)
    page.paragraph(MORE_STATUS)
    page.heading("Examples")
    for command_line, what in EXAMPLES.items():
        page.item(command_line, what)
    for title, items in (("Environment", ENVIRONMENT), ("Files", FILES), ("Signals", SIGNALS)):
        page.heading(title)
        for term, meaning in items.items():
            page.item(term, meaning)
    page.heading("See also")
    page.paragraph("`freshkey.toml(5)`, systemd.exec(5) on LoadCredential=")
    return str(page)


def configuration_page() -> str:
    """Return freshkey.toml(5)."""
    page = ManualPage("freshkey.toml", 5, __version__, "the configuration of freshkey(1)")
    page.heading("Description")
    page.paragraph(f"`freshkey(1)` reads {DEFAULT_CONFIG} unless told otherwise.")
    page.paragraph(CONVENTIONS)
    page.heading("Options")
    for table in tables():
        page.subheading(table.header)
        if table.text:
            page.paragraph(table.text)
        for option in table.options:
            page.item(option.name, _facts(option), option.text)
    page.heading("Example")
    page.example(EXAMPLE)
    page.heading("See also")
    page.paragraph("`freshkey(1)`; `freshkey check` reports every fault of a configuration.")
    return str(page)


def _facts(option: Option) -> str:
    default = f"default `{option.default}`" if option.default else "unset by default"
    facts = [option.kind, "required" if option.required else default]
    if option.variable:
        facts.append(f"or the variable `{option.variable}`")
    return "; ".join(facts) + "."


def _sentence(text: str) -> str:
    end = "" if text.endswith((".", "…")) else "."
    return f"{text[:1].upper()}{text[1:]}{end}"
