-- Platform files, each text once, however many revisions use it.
create table document (
    digest      text        not null,
    content     text        not null,
    created_at  timestamptz not null,
    constraint document_pk primary key (digest),
    constraint document_digest_is_sha256 check (digest ~ '^[0-9a-f]{64}$')
);

-- Files that a platform file names (certificates, pages), sealed with a key outside the database.
create table asset (
    digest      text        not null,
    sealed      bytea       not null,
    created_at  timestamptz not null,
    constraint asset_pk primary key (digest),
    constraint asset_digest_is_sha256 check (digest ~ '^[0-9a-f]{64}$')
);

-- The history of the platform: every change is one row, numbered without gaps by its writer
-- (highest number plus one, under a lock). Rows are never changed or deleted.
create table revision (
    number           bigint      not null,
    parent           bigint,
    author           text        not null,
    origin           text        not null,
    verb             text        not null,
    reason           text        not null default '',
    created_at       timestamptz not null,
    document_digest  text        not null,
    overrides        jsonb       not null default '{}',
    diff             text        not null default '',
    summary          text        not null default '',
    constraint revision_pk primary key (number),
    constraint revision_number_is_positive check (number > 0),
    constraint revision_parent_is_older check (parent < number),
    constraint revision_parent_fk foreign key (parent) references revision (number),
    constraint revision_document_fk foreign key (document_digest) references document (digest),
    constraint revision_origin_is_known
        check (origin in ('file', 'api', 'console', 'cli', 'drift', 'rollback')),
    constraint revision_verb_is_known
        check (verb in ('apply', 'drain', 'maintain', 'resume', 'weight', 'rollback', 'accept')),
    constraint revision_overrides_is_object check (jsonb_typeof(overrides) = 'object')
);
create index revision_by_document on revision (document_digest);

-- Which asset stood behind which file name in a revision.
create table revision_asset (
    number  bigint not null,
    name    text   not null,
    digest  text   not null,
    constraint revision_asset_pk primary key (number, name),
    constraint revision_asset_revision_fk foreign key (number) references revision (number),
    constraint revision_asset_asset_fk foreign key (digest) references asset (digest)
);
create index revision_asset_by_digest on revision_asset (digest);

-- What the engine runs, as of the last balancer cycle: one row.
create table engine (
    id                smallint    not null,
    applied_revision  bigint,
    file_digest       text,
    loaded_digest     text,
    accepted_digest   text,
    config_version    bigint      not null default 0,
    updated_at        timestamptz,
    last_sentence     text        not null default '',
    last_cycle_at     timestamptz,
    constraint engine_pk primary key (id),
    constraint engine_is_one_row check (id = 1),
    constraint engine_revision_fk foreign key (applied_revision) references revision (number)
);
insert into engine (id) values (1);

-- Bearer tokens of the API, by their hash only.
create table api_token (
    id            uuid        not null,
    name          text        not null,
    role          text        not null,
    hash          text        not null,
    created_at    timestamptz not null,
    created_by    text        not null,
    expires_at    timestamptz,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    constraint api_token_pk primary key (id),
    constraint api_token_hash_is_unique unique (hash),
    constraint api_token_role_is_known check (role in ('viewer', 'operator', 'admin'))
);

-- What happened and why: health transitions, changes, drift. Read newest first, in pages.
create table event (
    id        bigint      generated always as identity,
    at        timestamptz not null,
    kind      text        not null,
    severity  text        not null,
    service   text,
    workload  text,
    server    text,
    cause     text        not null default '',
    detail    jsonb       not null default '{}',
    constraint event_pk primary key (id),
    constraint event_severity_is_known check (severity in ('info', 'warning', 'error')),
    constraint event_detail_is_object check (jsonb_typeof(detail) = 'object')
);
create index event_newest on event (at desc, id desc);
create index event_by_kind on event (kind, at desc, id desc);
create index event_by_server on event (server, at desc, id desc)
    where server is not null;
create index event_by_service on event (service, workload, at desc, id desc)
    where service is not null;

-- How sessions ended (HAProxy's termination states), counted per hour.
create table termination_count (
    hour      timestamptz not null,
    service   text        not null,
    workload  text        not null,
    server    text        not null,
    state     text        not null,
    count     bigint      not null,
    constraint termination_count_pk primary key (hour, service, workload, server, state),
    constraint termination_count_is_not_negative check (count >= 0)
);

-- What passed through the engine per minute: deltas, so they survive its reloads. Workload and server
-- are '' in rows about a whole service; averages are null when nothing was measured.
create table stat_minute (
    minute                timestamptz      not null,
    service               text             not null,
    workload              text             not null,
    server                text             not null,
    sessions              bigint           not null default 0,
    requests              bigint           not null default 0,
    bytes_in              bigint           not null default 0,
    bytes_out             bigint           not null default 0,
    connect_errors        bigint           not null default 0,
    response_errors       bigint           not null default 0,
    retries               bigint           not null default 0,
    redispatches          bigint           not null default 0,
    denied                bigint           not null default 0,
    http_2xx              bigint           not null default 0,
    http_3xx              bigint           not null default 0,
    http_4xx              bigint           not null default 0,
    http_5xx              bigint           not null default 0,
    failed_checks         bigint           not null default 0,
    down_seconds          bigint           not null default 0,
    current_sessions_max  integer          not null default 0,
    queue_max             integer          not null default 0,
    total_ms_avg          double precision,
    response_ms_avg       double precision,
    constraint stat_minute_pk primary key (minute, service, workload, server)
);
create index stat_minute_by_service on stat_minute (service, workload, server, minute);

-- The same per hour, kept longer.
create table stat_hour (
    hour                  timestamptz      not null,
    service               text             not null,
    workload              text             not null,
    server                text             not null,
    sessions              bigint           not null default 0,
    requests              bigint           not null default 0,
    bytes_in              bigint           not null default 0,
    bytes_out             bigint           not null default 0,
    connect_errors        bigint           not null default 0,
    response_errors       bigint           not null default 0,
    retries               bigint           not null default 0,
    redispatches          bigint           not null default 0,
    denied                bigint           not null default 0,
    http_2xx              bigint           not null default 0,
    http_3xx              bigint           not null default 0,
    http_4xx              bigint           not null default 0,
    http_5xx              bigint           not null default 0,
    failed_checks         bigint           not null default 0,
    down_seconds          bigint           not null default 0,
    current_sessions_max  integer          not null default 0,
    queue_max             integer          not null default 0,
    total_ms_avg          double precision,
    response_ms_avg       double precision,
    constraint stat_hour_pk primary key (hour, service, workload, server)
);
create index stat_hour_by_service on stat_hour (service, workload, server, hour);
