"""What capabilities are good for."""

from __future__ import annotations

from switchover.move.probes.levers import LEVERS, Purpose, uses


def test_every_lever_is_told_there_or_missing() -> None:
    everything = {name for lever in LEVERS for name in lever.names}
    assert all(one.is_there for one in uses(everything))
    missing = [one for one in uses([]) if not one.is_there]
    assert len(missing) == len(LEVERS)
    assert all(one.sentence for one in missing)


def test_any_of_several_names_will_do() -> None:
    told = {one.name: one for one in uses(["LITERAL-", "QRESYNC", "APPENDLIMIT=1000"])}
    assert told["LITERAL-"].is_there
    assert "LITERAL+" not in told
    assert told["APPENDLIMIT"].is_there
    assert told["QRESYNC"].is_there


def test_ways_to_sign_in_and_the_rest_stand_apart() -> None:
    told = {one.purpose: one.name for one in uses(["AUTH=PLAIN", "SASL-IR", "THREAD=REFS"])}
    assert told[Purpose.SIGN_IN] == "AUTH=PLAIN SASL-IR"
    assert told[Purpose.OTHER] == "THREAD=REFS"
    purposes = [one.purpose for one in uses(["AUTH=PLAIN", "IDLE"])]
    assert purposes == sorted(purposes, key=list(Purpose).index)
