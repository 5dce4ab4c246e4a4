-- Whether messages of a run were for the address of a governance system. They are then for no other receiver.
alter table runs add column addressed integer not null default 0;

-- A real run had messages only where it had an address.
update runs set addressed = 1
where json_extract(order_json, '$.simulated') = 0
  and exists (select 1 from outbox where outbox.run_id = runs.run_id);
