"""The fidelity probe: what one server does to mails, names and dates, and what it allows, found out by trying.

Pure: ``torture`` (what is tried), ``fidelity`` (what came of it), ``naming`` (the same for folder names),
``levers`` (what the capabilities are good for), ``profile`` (what copies and proofs take from it). The
others talk to the server: ``scratch`` (a folder that is removed whatever happens), ``look``, ``pace``,
``endpoint`` (all of it in order), ``profile_store`` (a file for each server in the data directory).
"""
