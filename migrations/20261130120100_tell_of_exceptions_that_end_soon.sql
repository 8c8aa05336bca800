-- When it was said of an exception in force that it ends soon.
alter table exceptions add column told_at timestamptz;

-- Whoever waits for the next end looks now for those that end soon.
alter table jobs no force row level security;
update jobs set run_at = least(run_at, now()) where same_as = 'end-exceptions' and state = 'queued';
alter table jobs force row level security;
