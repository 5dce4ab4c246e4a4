-- Where the evidence of a run is, if somebody said; null beside the ledger.
alter table runs add column evidence text;
