-- People who sign in to the console. A local account has a password (argon2id); one of an identity provider has
-- issuer and subject instead, and gets its role anew at each sign-in. The secret of the second factor is sealed
-- with a key outside the database; totp_step is the last time step that was used, so that no code works twice.
create table account (
    id            uuid        not null,
    name          text        not null,
    role          text        not null,
    zone          text        not null default 'UTC',
    issuer        text,
    subject       text,
    password_hash text,
    password_at   timestamptz,
    totp_secret   bytea,
    totp_draft    bytea,
    totp_step     bigint      not null default 0,
    made_at       timestamptz not null,
    made_by       text        not null,
    signed_in_at  timestamptz,
    disabled_at   timestamptz,
    constraint account_pk primary key (id),
    constraint account_name_is_short check (length(name) between 1 and 63),
    constraint account_role_is_known check (role in ('viewer', 'operator', 'admin')),
    constraint account_is_local_or_provided check (
        (issuer is null and subject is null and password_hash is not null and password_at is not null)
        or (issuer is not null and subject is not null and password_hash is null and totp_secret is null)
    )
);
-- One name for one person, whatever the case: the name stands in revisions and in the audit.
create unique index account_name_once on account (lower(name));
create unique index account_subject_once on account (issuer, subject);

create table recovery_code (
    account_id uuid        not null,
    hash       text        not null,
    used_at    timestamptz,
    constraint recovery_code_pk primary key (account_id, hash),
    constraint recovery_code_account_fk foreign key (account_id) references account (id) on delete cascade
);

-- What a browser's cookie stands for: only the SHA-256 of the cookie is kept. A session that still awaits its
-- code opens nothing. Ended ones stay a month: they say from where an account is known to sign in.
create table session (
    id            uuid        not null,
    hash          text        not null,
    account_id    uuid        not null,
    method        text        not null,
    awaits_code   boolean     not null default false,
    address       text        not null,
    agent         text        not null,
    made_at       timestamptz not null,
    seen_at       timestamptz not null,
    ended_at      timestamptz,
    ended_because text        not null default '',
    constraint session_pk primary key (id),
    constraint session_hash_once unique (hash),
    constraint session_method_is_known check (method in ('password', 'password-and-code', 'oidc')),
    constraint session_account_fk foreign key (account_id) references account (id) on delete cascade
);
create index session_of_account on session (account_id, made_at desc);
create index session_made_at on session (made_at);
