"""What passed through the engine, counted: per minute for weeks, per hour for years.

``columns`` names what is counted, ``span`` says which rows answer a question, ``queries`` keeps and reads
them.
"""

from __future__ import annotations
