"""The command line; what a command needs beyond the configuration is imported when it runs."""
