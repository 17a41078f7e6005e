"""The HTTP service's own tables: accounts, sessions, limits, keys of repeated requests, audit."""

from alembic import op

from flow_platform.warehouse.migration_steps import as_owner

revision = "0009"
down_revision = "0008"

TABLES = """
create table auth.accounts (
    id uuid primary key default gen_random_uuid(),
    email text not null unique check (email = lower(email)),
    password_hash text not null,
    role text not null default 'viewer'
        check (role in ('viewer', 'analyst', 'operator', 'admin')),
    disabled boolean not null default false,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    last_sign_in_at timestamptz
);
comment on table auth.accounts is 'Who may use the HTTP service.';
comment on column auth.accounts.email is 'In lower case and NFC; what a person signs in with.';
comment on column auth.accounts.password_hash is
    'Argon2id; a bcrypt hash brought from elsewhere is replaced at its first sign-in.';

create table auth.sessions (
    id uuid primary key,
    account_id uuid not null references auth.accounts on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_for text
);
create index on auth.sessions (account_id);
create index on auth.sessions (expires_at);
comment on table auth.sessions is
    'From a sign-in to its end: the family of refresh tokens that came from it.';
comment on column auth.sessions.revoked_for is
    'sign-out, reuse (a refresh token was used twice), disabled, password.';

create table auth.refresh_tokens (
    token_sha256 bytea primary key check (octet_length(token_sha256) = 32),
    session_id uuid not null references auth.sessions on delete cascade,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index on auth.refresh_tokens (session_id);
comment on table auth.refresh_tokens is
    'The sha256 of each refresh token, also of used ones: using one again ends its session.';

create unlogged table auth.sign_in_attempts (
    name text primary key,
    failed_at timestamptz[] not null,
    last_at timestamptz not null
);
comment on table auth.sign_in_attempts is
    'Failed sign-ins of late, by keyed pseudonym of the name, of unknown names as well.';

create unlogged table auth.rate_windows (
    kind text not null,
    subject text not null,
    window_start timestamptz not null,
    ends_at timestamptz not null,
    used integer not null,
    granted integer not null,
    primary key (kind, subject, window_start)
);
create index on auth.rate_windows (ends_at);
comment on table auth.rate_windows is
    'What was granted in a window to an account or address (keyed pseudonym). Not logged: after a'
    ' crash of the database it counts anew.';

create table auth.idempotency_keys (
    account_id uuid not null references auth.accounts on delete cascade,
    key text not null,
    request_sha256 bytea not null check (octet_length(request_sha256) = 32),
    status smallint,
    response jsonb,
    run_id text,
    created_at timestamptz not null default now(),
    primary key (account_id, key)
);
create index on auth.idempotency_keys (created_at);
comment on table auth.idempotency_keys is
    'What a request with an Idempotency-Key was answered; response is null while it is at work.';

create table auth.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null default 'service',
    action text not null,
    account_id uuid,
    detail jsonb not null default '{}'
);
create index on auth.audit (account_id);
create index on auth.audit (at);
comment on table auth.audit is
    'What was done to accounts, and by whom. Only added to; kept for a year.';
comment on column auth.audit.actor is
    'An account id, "service", or "command line" with the operating-system user.';

create function auth.shorten_audit() returns bigint
language sql security definer set search_path = ''
begin atomic
    with gone as (
        delete from auth.audit where at < now() - interval '1 year' returning 1
    )
    select count(*) from gone;
end;
comment on function auth.shorten_audit is 'The one way in which the service may remove audit rows.';
"""

RIGHTS = """
revoke all on function auth.shorten_audit() from public;
grant usage on schema auth to flow_api;
grant select, insert, update, delete on auth.accounts, auth.sessions, auth.refresh_tokens,
    auth.sign_in_attempts, auth.rate_windows, auth.idempotency_keys to flow_api;
grant select, insert on auth.audit to flow_api;
grant execute on function auth.shorten_audit() to flow_api;
"""


def upgrade() -> None:
    op.execute("create schema auth authorization flow_owner")
    as_owner(TABLES, RIGHTS)


def downgrade() -> None:
    op.execute("drop schema auth cascade")
