"""The machine and the process: clocks, identity, hardening, and the service manager."""
