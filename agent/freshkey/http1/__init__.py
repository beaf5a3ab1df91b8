"""HTTP/1.1 for a client: the head of a request, and an answer from the bytes of a server.

May import: nothing else.
"""
