"""Reading the platform file: YAML text to typed values, every fault with its line and column.

Flow: ``tree`` reads YAML into plain values and remembers where each stands, within bounds that no
hostile file can exceed; ``spec`` says which keys exist (pydantic, also the source of the JSON Schema
and of the reference page); ``read`` joins both and turns every fault into a sentence with a place.
"""

from __future__ import annotations
