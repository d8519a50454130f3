"""What bench/copy.py is made of: mailboxes, servers, distance, tools, accounting, comparison, and the modes."""
