"""The token with which the command line on this machine signs in."""
