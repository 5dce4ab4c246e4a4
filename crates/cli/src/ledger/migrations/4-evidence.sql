-- The evidence folder that was given for a run; null means beside the ledger.
alter table runs add column evidence text;
