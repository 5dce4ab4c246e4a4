-- The policies that were asked about a deletion, by their digests: records name them by those, and evidence has their texts.
create table policies (
    run_id text not null references runs,
    digest text not null,
    body   text not null,
    primary key (run_id, digest)
) strict, without rowid;
