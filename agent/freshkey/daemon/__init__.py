"""The running process: what it is made of, how its parts are wired, and its main loop."""
