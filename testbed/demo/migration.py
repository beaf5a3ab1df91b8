"""The chapter of a team that goes from a static key to the plugin to federation."""

from collections.abc import Callable
from functools import partial
from typing import Final

from testbed.demo.agent import KEY
from testbed.demo.environment import MOUNT, POLICY
from testbed.demo.evaluation import Outcome
from testbed.demo.scenario_context import ScenarioContext
from testbed.emulator.organization import PROJECT_ID
from testbed.federation import FederatedAccount, enable_identity_tokens, entity_of, federate

KV: Final = "kv"
LEASE: Final = 60
_PLUGIN_LINE: Final = f'path = "{MOUNT}/creds/{KEY}"'
_KV_LINE: Final = f'path = "{KV}/data/{KEY}"'
_POLICY: Final = f"""{POLICY}
path "{KV}/data/{KEY}"           {{ capabilities = ["read"] }}
path "identity/oidc/token/{KEY}" {{ capabilities = ["read"] }}
"""


def migrate(context: ScenarioContext, bound: float) -> Outcome:
    """Edit one line at a time; the figure is the slowest step. In the end the plugin is back."""
    context.ensure_new_key(LEASE)
    static = _put_a_static_key(context)
    account = _set_federation_up(context)
    table = _federation_line(context, account)
    event, mints, slowest = context.now(), context.mints(), 0.0
    steps: tuple[tuple[str, str, str, int], ...] = (
        ("KV", _PLUGIN_LINE, _KV_LINE, 0),
        ("the plugin", _KV_LINE, _PLUGIN_LINE, 1),
        ("federation", _PLUGIN_LINE, table, 1),
        ("the plugin again", table, _PLUGIN_LINE, 2),
    )
    for name, old_line, new_line, minted in steps:
        old, began = context.key_in_file(), context.now()
        context.agent.edit(_replacing(old_line, new_line))
        took = context.measure_delay(partial(context.is_replaced, old), began, bound)
        if took is None:
            return Outcome(event, None, (f"no key of {name} came",))
        if context.mints() - mints != minted:
            return Outcome(event, took, (f"{name}: not {minted} mints",))
        slowest = max(slowest, took)
        context.keep_watching(context.now() + 1)  # readers use it
    for account_id in (static, account.account_id):
        context.openai.delete_account(account_id)
    return Outcome(event, slowest)


def _put_a_static_key(context: ScenarioContext) -> str:
    """Make a key as a person would, and put it into KV; return its account."""
    account, key = context.openai.create_key(PROJECT_ID)
    context.is_made_by_hand(account)
    context.vault.enable_kv(KV, 2)
    context.vault.request("POST", f"{KV}/data/{KEY}", {"data": {"api_key": key}})
    return account


def _set_federation_up(context: ScenarioContext) -> FederatedAccount:
    vault = context.vault
    vault.write_policy("freshkey-demo", _POLICY)
    role_id = vault.request("GET", "auth/approle/role/agent/role-id")["data"]["role_id"]
    issuer = enable_identity_tokens(vault, KEY)
    entity = entity_of(vault, "approle", role_id)
    account = federate(context.openai, PROJECT_ID, issuer, {"sub": entity})
    context.is_made_by_hand(account.account_id)
    return account


def _federation_line(context: ScenarioContext, account: FederatedAccount) -> str:
    """Return what stands in the place of `path`: a source, and its table in one line."""
    table = {
        "identity_provider_id": account.provider_id,
        "service_account_id": account.account_id,
        "vault_oidc_role": KEY,
        "exchange_url": context.openai.exchange_url,
    }
    options = ", ".join(f'{name} = "{value}"' for name, value in table.items())
    return f'source = "federation"\nfederation = {{ {options} }}'


def _replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)
