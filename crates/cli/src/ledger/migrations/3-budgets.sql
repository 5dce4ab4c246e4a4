-- What has been sent to each tenant in the last minute. All processes that share this file stay within one budget.
create table budgets (
    tenant text primary key,
    version integer not null,
    budget text not null
) strict, without rowid;
