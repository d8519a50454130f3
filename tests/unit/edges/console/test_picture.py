from __future__ import annotations

from switchover.edges.console.picture import code_picture


def test_a_secret_becomes_a_picture_that_needs_no_other_site() -> None:
    address = code_picture(
        "otpauth://totp/switchover:ada?secret=GEZDGNBVGY3TQOJQ&issuer=switchover"
    )
    assert address.startswith("data:image/svg+xml")
    assert '"' not in address
