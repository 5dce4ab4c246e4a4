-- The policies that were asked about a deletion. Records name them by digest, and the evidence contains their texts.
create table policies (
    run_id text not null references runs,
    digest text not null,
    body   text not null,
    primary key (run_id, digest)
) strict, without rowid;
