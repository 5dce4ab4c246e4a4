-- Who asked to cancel a run; null where a cancel is older than this column.
alter table runs add column cancel_asked_by text;
