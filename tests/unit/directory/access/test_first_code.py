from __future__ import annotations

import re

from switchover.directory.access.first_code import FirstCode
from switchover.directory.access.sign_in.outcome import too_often


def test_a_new_console_has_a_code_that_nobody_guesses() -> None:
    code = FirstCode()
    assert re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", code.text)
    assert code.text != FirstCode().text
    assert code.text not in repr(code)


def test_the_code_may_be_typed_in_any_way() -> None:
    code = FirstCode()
    assert code.is_right(code.text.lower().replace("-", " "))
    assert not code.is_right("")
    assert not code.is_right(code.text[:-1])
    assert not code.is_right("\ud800ä")


def test_who_tried_too_often_is_told_for_how_long() -> None:
    assert too_often(0.2).sentence == "Too many tries. Try again in 1 s."
    assert too_often(119.5).sentence == "Too many tries. Try again in 2 min."
    assert too_often(3.0).wait_seconds == 3.0
