-- An advisory may name an ecosystem without a release, and then counts for all of its releases; and what is said of a flaw
-- under any of its CVE ids is said of the flaw.

-- The ecosystem without its release: `Debian` of `Debian:12`.
alter table package_keys add column base text not null generated always as (split_part(ecosystem, ':', 1)) stored;
create index package_keys_of_base on package_keys (tenant_id, base, name, package_id) where base <> ecosystem;

-- The catalogue of exploited flaws and the forecasts know CVE ids alone.
create function cves_of(flaw_id text, aliases text[]) returns text[]
    language sql immutable parallel safe
as $$
    select coalesce(array_agg(distinct name order by name), '{}')
    from unnest(array_append(aliases, flaw_id)) name where name like 'CVE-%'
$$;
alter table package_flaws add column cves text[] not null generated always as (cves_of(flaw_id, aliases)) stored;
create index package_flaws_exploited on package_flaws (tenant_id, package_id) where exploited;

-- What was judged by the old rules is judged again, as soon as a worker comes to it. The owner does not see tenants' rows
-- while row-level security binds it too.
alter table packages no force row level security;
alter table package_keys no force row level security;
alter table matchings no force row level security;
alter table jobs no force row level security;
update packages p set judged = false
where judged and exists (select from package_keys k where k.tenant_id = p.tenant_id and k.package_id = p.package_id);
insert into jobs (tenant_id, job_id, task, same_as, state, run_at, created_at)
select tenant_id, gen_random_uuid(), '{"task": "match"}', 'match', 'queued', now(), now() from matchings
on conflict do nothing;
alter table packages force row level security;
alter table package_keys force row level security;
alter table matchings force row level security;
alter table jobs force row level security;
