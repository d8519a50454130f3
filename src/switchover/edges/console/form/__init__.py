"""Forms of servers and services: fields to the keys of the platform file and back. Pure.

``field`` knows one field, ``values`` what a browser sent, ``service_block`` and ``server_block`` join the
fields of a form into a block, ``fault`` finds the field of a fault, ``starting_point`` what a new service
begins with, ``comparison`` shows what each layout would give. The platform file's own rules decide what is
right: a form only knows where each key stands on the page.
"""

from __future__ import annotations
