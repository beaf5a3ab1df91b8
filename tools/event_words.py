"""What docs/events.md says to people: of each event, and around them."""

from typing import Final

WORDS: Final = {
    "agent.started": "the agent runs",
    "agent.stopped": "it has ended in order",
    "agent.stopping": "it was asked to end",
    "audit.crashed": "reads could not be recorded, and their answers were not sent: report it",
    "audit.failed": "the audit file takes nothing: events go to the log until it does",
    "audit.recovered": "the audit file takes events again",
    "clock.jumped": "the wall clock moved by more than 5 s: leases are looked up",
    "config.not_watched": "a change of the configuration will not be noticed: send SIGHUP",
    "connection.failed": "a fault of the agent's own ended one connection: report it",
    "connection.refused": "a client found no room (`server.max_connections`)",
    "credential.cleaned": "white space around a credential was taken off",
    "credential.not_removed": "a credential that should be removed after its login is still there",
    "credential.replaced": "a credential's file holds another one now, and is left alone",
    "credential.unusable": "the token file holds no token that can be used",
    "finalizer.failed": "a fault of the agent's own, outside of any task: report it",
    "gateway.run": "a run of `exec --gateway` has begun, has ended, or was refused",
    "gateway.for_everybody": "every user of the machine can use the gateway over TCP",
    "gateway.listening": "the gateway takes requests at these addresses",
    "gateway.request": "a request of a client of the gateway has ended",
    "hook.done": "a hook has run",
    "hook.failed": "a hook failed, and runs again later",
    "hooks.not_kept": "which hooks have run could not be written: some may run twice",
    "hooks.unreadable": "which hooks have run could not be read: some may run twice",
    "journal.adopted": "the agent goes on with the keys of its journal",
    "journal.failed": "the journal can't be written",
    "journal.kept": "there is to be no journal any more, and the old one can't be removed: it goes "
    "on",
    "journal.lost": "at the end there is no journal: what lives on is named",
    "journal.recovered": "the journal is written again",
    "journal.restored": "somebody else changed the journal; it is as it was",
    "journal.set_aside": "a journal that can't be used was renamed",
    "key.directory_changed": "somebody else changed a directory of key files",
    "key.exchanged": "OpenAI gave an access token for an identity token",
    "key.fetched": "another value of a secret without a lease",
    "key.file_changed": "somebody else changed a key file",
    "key.file_failed": "a key file can't be written or removed",
    "key.file_warning": "others could replace a key file",
    "key.files_recovered": "all files of a key are written again",
    "key.mint_intended": "Vault is about to be asked for a new key",
    "key.minted": "Vault gave a new key",
    "key.published": "readers have a new key",
    "key.published_untested": "readers have a key that OpenAI could not be asked about",
    "key.read": "somebody read a key, or was refused",
    "key.rejected": "a reader says that OpenAI refused its key",
    "key.renewal_failed": "a lease could not be renewed",
    "key.renewed": "a lease was renewed",
    "key.replacement_failed": "a key could not be replaced",
    "key.replacement_wanted": "a key is to be replaced",
    "key.reported": "a reader's report is looked into",
    "key.rotate_asked": "somebody asked for another key",
    "key.stale": "a key is past its end, and still served",
    "key.tested": "OpenAI was asked whether a key works",
    "key.withdrawn": "a key was taken from its readers",
    "lease.check_failed": "Vault could not be asked whether a lease lives",
    "lease.corrected": "a lease ends at another time than was thought",
    "lease.ended": "a retired lease has reached its end",
    "lease.gone": "a lease has ended before its time",
    "lease.left": "an access token, or a lease of a Vault that is gone, lives to its end",
    "lease.revocation_failed": "a lease could not be revoked, and that is tried again",
    "lease.revoked": "Vault took a revocation over",
    "library.message": "a library has something to say",
    "log.dropped": "so many lines found no room, because nobody read them",
    "mint.abandoned": "a mint got no answer: a lease of unknown id may live",
    "mint.over_budget": "a mint waits (`vault.max_mints_per_minute`)",
    "process.crashed": "a fault of the agent's own: report it",
    "process.not_hardened": "a measure that protects the process can't be had",
    "reload.begun": "a configuration without a fault was read; keys and tables that differ",
    "reload.done": "the configuration is in force",
    "reload.refused": "a configuration with a fault changes nothing",
    "secret.cleaned": "white space around a secret in Vault was taken off",
    "server.access_unchanged": "a reload could not give a socket another mode or owner",
    "server.accept_failed": "the system lets nobody connect for a moment",
    "server.socket_left": "the socket's file could not be removed",
    "server.socket_lost": "the socket's file is gone, and can't be made anew",
    "server.socket_restored": "the socket's file is there again",
    "server.too_few_descriptors": "fewer files may be open than connections are configured",
    "state.directory": "the state directory may hurt later (of `check --online`)",
    "state.failed": "the state directory can't be used",
    "state.restored": "the state directory is as it was",
    "state.swappable": "keys on a tmpfs can be written to swap",
    "thread.crashed": "a fault of the agent's own ended a thread: report it",
    "token.logged_in": "Vault gave a token",
    "token.login_failed": "Vault gave no token: see its fault",
    "token.lookup_failed": "Vault could not be asked about the token",
    "token.lost": "Vault does not know the token any more",
    "token.renewal_failed": "the token could not be renewed",
    "token.renewed": "the token was renewed",
    "token.revocation_failed": "the token could not be revoked",
    "token.revoked": "the token was revoked",
    "vault.away": "Vault can't be had",
    "vault.back": "Vault answers again",
    "vault.tls_files_reloaded": "certificates on disk have changed, and are used",
    "vault.tls_files_unusable": "certificates on disk have changed, and can't be used",
}
HEAD: Final = """\
# Events

Every line of the log is one event: JSON with `timestamp`, `level`, and `event`, and the fields
below. The record for auditors is in the log, too, and alone in `log.audit_file` where there is
one; reads are then there only. Names and fields stay; new ones may come. `make events` makes this
page from the code.

If systemd runs the agent, and `log.format` is `auto`, the journal gets a line for people
(`key.published key=billing …`) and each field by itself: `journalctl -u freshkey
FRESHKEY_EVENT=key.published FRESHKEY_KEY=billing`. Name the unit: any process can write such
fields.
"""
OF_THE_RECORD: Final = """
Each has `key`, `tag`, `lease_id`, `api_key_id`, and `service_account`, besides; what clients do has
the fields that are named there, and no others.
"""
