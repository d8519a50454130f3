-- Mails that are on their way to the target: written before the first byte of them is sent, gone when it is
-- known what became of them. Their own table, so that the ledger's pages hold nothing that ever dies: rows live
-- for seconds here, and vacuum gives the whole of it back. Mails that the ledger knows too are not in doubt.
create table ledger_intent (
    folder_id    bigint   not null,
    number       integer  not null,
    floor        bigint   not null,
    packed       bytea    not null,
    constraint ledger_intent_pk primary key (folder_id, number),
    constraint ledger_intent_folder_fk foreign key (folder_id) references copy_folder (id) on delete cascade
);
alter table ledger_intent alter column packed set storage external;
alter table ledger_intent set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 500
);

insert into ledger_intent (folder_id, number, floor, packed)
select folder_id, number, floor, packed
from ledger_row
where kind = 1;
delete from ledger_row
where kind = 1;

alter table ledger_row drop column floor;
alter table ledger_row drop constraint ledger_row_kind_is_known;
alter table ledger_row add constraint ledger_row_kind_is_known check (kind between 2 and 6);

-- In which canonical form the digests of a pair are taken: chosen once, because digests of two forms say
-- nothing of each other. Empty until the first copy.
alter table copy_pair add column form text not null default '';
