-- Whether messages of a run were for the address of a governance system. They are then for no other receiver.
alter table runs add column addressed integer not null default 0;
