"""Names that vulture can not see used, by reason; checked by script/test."""
# ruff: noqa: B018, F821, SLF001

from __future__ import annotations

# Parts of the engine's answers and log lines: read whole, so that a reader knows what there is.
_.accepted_at
_.answers_1xx
_.branch_status
_.check_status
_.client_aborts
_.client_address
_.client_port
_.idle_percent
_.pool_bytes
_.queue_milliseconds
_.request_errors
_.request_milliseconds
_.server_aborts
_.state_seconds
_.total_connections
_.total_requests
_.went_down
# All values of an enumeration that others defined.
_.CONFIGURED_MAINTENANCE
_.DIAG
_.IN_PROGRESS
_.LISTENER
_.NAME_FROM_SOCKET
_.NEUTRAL
_.PASSED
_.PASSED_CONDITIONALLY
_.RUNNING
_.STARTING
# Kept for whoever looks into the database.
_.ended_because
# Called or read by libraries: pydantic, uvicorn, alembic, rich, subprocess, pytest.
_._create_socket
_._get_socket
_.capture_signals
_.down_revision
_.extra_groups
_.get_metrics
_.model_config
_.on_broken_pipe
_.pytest_collection_modifyitems
_.pytest_configure
_.pytestmark
_.should_exit
_.taken_port
_.trace
_.traceback
# An origin of revisions that the database allows; the console will use it.
_.CONSOLE

# Values of the IMAP core and of the plan that servers or later commands use: whole sets, so that a reader
# knows what there is.
_.UNREADABLE
_.MAILBOX
_.ALREADYEXISTS
_.AUTHENTICATIONFAILED
_.AUTHORIZATIONFAILED
_.CANNOT
_.CONTACTADMIN
_.CORRUPTION
_.EXPIRED
_.HIGHESTMODSEQ
_.NOMODSEQ
_.NONEXISTENT
_.NOPERM
_.PRIVACYREQUIRED
_.READ_WRITE
_.SERVERBUG
_.TOOBIG
_.UIDNEXT
_.UIDNOTSTICKY
_.old_name
_.child_info
_.append_limit
_.always
_.from_folder
_.to_folder
_.signed_out
# Called by html.parser.
_.handle_starttag
_.handle_data
_.handle_endtag
_.email_id
_.OVERQUOTA
_.READ_ONLY
_.TRYCREATE
_.UIDVALIDITY
_.recent
_.mailbox_id
is_throttling
back_off_seconds
# Called by asyncio.
_.data_received
_.pause_writing
_.resume_writing
# Read by inspect and by Typer.
_.__signature__
_.__annotations__
_.rich_help_panel
# Read by templates of the console's forms.
_.placeholder
_.is_restricted
_.is_tls
_.names_id
# Read in the console's templates.
_.align
_.has_others
_.icon
_.is_answer
_.list_path
