-- Times are milliseconds since 1970, UTC.

create table runs (
    run_id       text primary key,
    order_json   text    not null,
    plan_file    text    not null,
    cancel_asked integer,
    created_at   integer not null,
    updated_at   integer not null
) strict;

create table chunks (
    run_id      text    not null references runs,
    number      integer not null,
    state_json  text    not null,
    -- How it ended; null while it is open.
    outcome     text,
    version     integer not null,
    lease_owner text,
    lease_until integer,
    primary key (run_id, number)
) strict, without rowid;

create index chunks_open on chunks (run_id, number) where outcome is null;

-- The audit log: what is written stays as it is, whatever program asks.
create table records (
    position integer primary key autoincrement,
    run_id   text    not null references runs,
    chunk    integer not null,
    seq      integer not null,
    line     text    not null,
    unique (run_id, chunk, seq)
) strict;

create index records_in_order on records (run_id, position);

create trigger records_are_never_changed before update on records
begin
    select raise(abort, 'audit records are never changed');
end;

create trigger records_are_never_deleted before delete on records
begin
    select raise(abort, 'audit records are never deleted');
end;

-- `insert or replace` would delete without asking the trigger above.
create trigger records_are_never_replaced before insert on records
when exists (
    select 1 from records
    where position = new.position or (run_id = new.run_id and chunk = new.chunk and seq = new.seq)
)
begin
    select raise(abort, 'audit records are never replaced');
end;

create table slots (
    tenant text not null,
    holder text not null,
    primary key (tenant, holder)
) strict, without rowid;

create table outbox (
    position   integer primary key autoincrement,
    run_id     text    not null references runs,
    id         text    not null,
    body       text    not null,
    attempts   integer not null,
    -- When to send it next; null once it is delivered or given up.
    due        integer,
    state_json text    not null,
    unique (run_id, id)
) strict;

create index outbox_pending on outbox (run_id, due, position) where due is not null;
