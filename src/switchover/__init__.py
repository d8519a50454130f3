"""switchover: keeps a mail platform reachable."""
