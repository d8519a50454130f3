-- How the target's folder stood after the last complete run: what STATUS told then, all zero when somebody else
-- was at work there too. And the terms (filters, what is deleted) by which the folder is complete: under others
-- it is not.
alter table copy_folder add column target_uid_next bigint not null default 0;
alter table copy_folder add column target_mod_seq bigint not null default 0;
alter table copy_folder add column target_messages bigint not null default 0;
alter table copy_folder add column terms text not null default '';
