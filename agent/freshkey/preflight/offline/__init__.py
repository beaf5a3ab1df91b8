"""Whether a configuration fits this machine, found without the network or a change.

May import: core.model, hooks, host, outputs, settings, sockets.peers, vault.transport.tls.
"""
