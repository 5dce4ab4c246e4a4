-- Every change of a run increments its count, and the chunk that changed remembers the count. A watcher in any process asks for
-- what came after a count and misses nothing.
alter table runs add column changes integer not null default 0;
alter table chunks add column changed integer not null default 0;

-- All that was taken up before there was a count is one change.
update chunks set changed = 1 where version > 0;
update runs set changes = 1 where exists (select 1 from chunks where chunks.run_id = runs.run_id and changed = 1);

-- Partial, so that creating a run with very many chunks costs no more than before.
create index chunks_changed on chunks (run_id, changed) where changed > 0;
-- Counting outcomes looks at every chunk and must not read its whole state.
create index chunks_by_outcome on chunks (run_id, outcome) where outcome is not null;
