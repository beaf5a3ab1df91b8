"""What `make bench` measures: each module one thing, the agent beside a peer in the same run."""
