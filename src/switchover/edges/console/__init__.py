"""The console: pages for people, on the same socket as the API.

``server`` adds it to the application, ``page`` renders templates, ``table`` is what every list has,
``navigation`` says what stands in the menu, ``pages`` holds one router for each subject.
"""

from __future__ import annotations
