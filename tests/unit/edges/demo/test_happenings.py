from __future__ import annotations

from tests.unit.edges.demo.demo_answers import event, moment

from switchover.edges.demo.happenings import group_events


def test_one_broken_workload_is_one_happening_that_tells_the_layouts_apart() -> None:
    cause = "Layer7 wrong status: code 503: Service Unavailable"
    (happening,) = group_events(
        [
            event("server-down", "mail-l4/all/cas1", at=2.0, cause=cause),
            event("server-down", "mail-names/owa/cas1", at=1.5, cause=cause),
            event("server-down", "mail-l7/owa/cas1", at=1.0, cause=cause),
        ]
    )
    assert happening.subject == "cas1/owa"
    assert happening.where == ("mail-l7", "mail-names")
    assert happening.whole == ("mail-l4",)
    assert happening.cause == "answered 503: Service Unavailable"
    assert happening.at == moment(1.0)


def test_a_server_that_goes_with_all_its_workloads_is_named_without_them() -> None:
    refused = "Layer4 connection problem: Connection refused"
    (happening,) = group_events(
        [
            event("server-down", f"{target}/cas3", cause=refused)
            for target in ("imap/imaps", "mail-l4/all", "mail-l7/owa", "mail-l7/ews")
        ]
    )
    assert happening.subject == "cas3"
    assert happening.where == ("mail-l7", "mail-l4", "imap")
    assert happening.whole == ()
    assert happening.cause == "refuses connections"


def test_other_servers_other_kinds_and_later_events_stay_apart() -> None:
    happenings = group_events(
        [
            event("server-down", "mail-l7/owa/cas1", at=60.0),
            event("server-up", "mail-l7/owa/cas1", at=9.0, severity="info", cause="Layer7 passed"),
            event("server-down", "mail-l7/owa/cas2", at=1.0),
            event("server-down", "mail-l7/owa/cas1", at=1.0),
        ]
    )
    assert [(h.subject, h.word) for h in happenings] == [
        ("cas1/owa", "down"),
        ("cas1/owa", "up"),
        ("cas2/owa", "down"),
        ("cas1/owa", "down"),
    ]
    assert happenings[1].cause == ""


def test_a_pool_without_servers_and_a_kind_we_have_no_word_for_are_told_as_they_are() -> None:
    empty, strange = group_events(
        [event("pool-empty", "mail-l7/owa/"), event("engine-notice", "mail-l7/owa/cas1", cause="x")]
    )
    assert (empty.subject, empty.word) == ("mail-l7/owa", "has no server left")
    assert (strange.word, strange.cause) == ("engine-notice", "x")
