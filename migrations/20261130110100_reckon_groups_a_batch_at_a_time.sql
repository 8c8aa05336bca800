-- Up to which resource the groups of a key are reckoned: sums of `group_losses` are of the findings on resources up to this one.
-- Those that there are, are whole; keys that are named begin at the least.
alter table group_keys add column reckoned_to uuid not null default 'ffffffff-ffff-ffff-ffff-ffffffffffff';
