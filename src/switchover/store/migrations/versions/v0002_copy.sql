-- Two mailboxes of which one is copied to the other, each by its normalised key (never a password).
create table copy_pair (
    id          bigint      not null generated always as identity,
    source_key  text        not null,
    target_key  text        not null,
    created_at  timestamptz not null,
    constraint copy_pair_pk primary key (id),
    constraint copy_pair_once unique (source_key, target_key)
);

-- A folder of the source with its place on the target, both by their raw names on the wire. The UIDVALIDITYs
-- are those under which the ledger was written. Where the source stood after the last complete run: UIDNEXT,
-- HIGHESTMODSEQ and a fingerprint of its listing; all zero or empty before.
create table copy_folder (
    id                   bigint      not null generated always as identity,
    pair_id              bigint      not null,
    source_name          bytea       not null,
    target_name          bytea       not null,
    source_uid_validity  bigint      not null default 0,
    target_uid_validity  bigint      not null default 0,
    source_uid_next      bigint      not null default 0,
    source_mod_seq       bigint      not null default 0,
    source_messages      bigint      not null default 0,
    fingerprint          bytea       not null default '',
    complete_at          timestamptz,
    constraint copy_folder_pk primary key (id),
    constraint copy_folder_pair_fk foreign key (pair_id) references copy_pair (id) on delete cascade,
    constraint copy_folder_once unique (pair_id, source_name)
);

-- The ledger: packed segments of mails in the order in which they were written. See move/segment.py for what
-- each kind says. Nothing is compressed twice, and large segments go out of line.
create table ledger_row (
    folder_id    bigint   not null,
    number       integer  not null,
    kind         smallint not null,
    floor        bigint   not null default 0,
    packed       bytea    not null,
    target_uids  bytea    not null default '',
    constraint ledger_row_pk primary key (folder_id, number),
    constraint ledger_row_folder_fk foreign key (folder_id) references copy_folder (id) on delete cascade,
    constraint ledger_row_kind_is_known check (kind between 1 and 6)
);
alter table ledger_row alter column packed set storage external;
alter table ledger_row alter column target_uids set storage external;
