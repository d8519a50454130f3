-- Who did what, when, from where and why: one row for each change, sign-in and refused attempt, each with the
-- SHA-256 of itself and the row before. Rows are only ever added; see docs/how-to/audit.md for what that proves.
-- The details are kept as the very text that was hashed.
create table audit (
    number    bigint      not null,
    at        timestamptz not null,
    actor     text        not null,
    origin    text        not null,
    address   text        not null,
    client    text        not null,
    action    text        not null,
    subject   text        not null,
    outcome   text        not null,
    before    json,
    after     json,
    reason    text        not null,
    previous  text        not null,
    hash      text        not null,
    seal      text        not null,
    constraint audit_pk primary key (number),
    constraint audit_number_is_positive check (number > 0),
    constraint audit_origin_is_known check (origin in ('console', 'api', 'cli', 'system')),
    constraint audit_outcome_is_known check (outcome in ('done', 'refused', 'failed')),
    constraint audit_previous_is_sha256 check (previous ~ '^[0-9a-f]{64}$'),
    constraint audit_hash_is_sha256 check (hash ~ '^[0-9a-f]{64}$')
);
create index audit_at on audit (at);
create index audit_by_actor on audit (actor, number);
create index audit_by_action on audit (action, number);
create index audit_by_subject on audit (subject, number);

create function audit_refuses() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only added to: % is refused', tg_op
        using errcode = 'insufficient_privilege';
end
$$;

-- Roles that may do everything, the owner and superusers, meet this; rights keep the application out.
create trigger audit_is_only_added_to
    before update or delete or truncate on audit
    for each statement execute function audit_refuses();

-- Keeps others from adding until the transaction ends (advisory lock), and returns where the log ends and the
-- hash of one more entry. Volatile: its second statement sees what was committed while the first one waited.
create function audit_lock_end(other bigint)
    returns table (last_number bigint, last_hash text, other_hash text)
    language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock(7230002);
    return query
    select a.number, a.hash, (select o.hash from audit o where o.number = other)
    from audit a
    order by a.number desc
    limit 1;
end
$$;
