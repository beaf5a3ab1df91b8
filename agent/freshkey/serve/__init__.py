"""HTTP/1.1 over a Unix socket: what applications read keys from."""
