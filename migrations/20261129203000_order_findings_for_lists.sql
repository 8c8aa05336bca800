-- The orders in which lists of findings are read. Each page is a union of a few ranges of one of these, every range in the
-- order that is shown and no longer than the page, however many findings there are.

-- The ranking of all, for what is narrowed by anything that has no order of its own.
create index findings_by_risk on findings (tenant_id, state, risk desc, finding_id);
-- A risk no longer follows from severity, exposure and criticality alone, and yet goes with them: the ranking is kept for
-- every combination of them too.
drop index findings_ranked;
create index findings_ranked on findings (tenant_id, state, severity, exposure, criticality, risk desc, finding_id);
-- A source's, a region's (by the sources that have one there), and a region's of a source.
create index findings_of_source on findings (tenant_id, source_id, region, state, risk desc, finding_id);
-- The newest and the oldest, and what was opened before or after an instant.
create index findings_by_age on findings (tenant_id, state, opened_at, finding_id);
-- What is due next, and whose they are; triage reads them in the same orders and may have made them.
create index if not exists findings_due on findings (tenant_id, due_at, finding_id) where state = 'open';
create index if not exists findings_of_assignee on findings (tenant_id, assignee_id, state, risk desc, finding_id)
    where assignee_id is not null;
create index if not exists findings_of_team on findings (tenant_id, team_id, state, risk desc, finding_id)
    where team_id is not null;
-- What is rare among many: the predicates are repeated by the queries that use them.
create index findings_of_stage on findings (tenant_id, stage, risk desc, finding_id)
    where stage in ('reopened', 'in_progress', 'awaiting_proof', 'false_positive');
create index findings_of_likelihood on findings (tenant_id, likelihood, state, risk desc, finding_id)
    where likelihood in ('exploited', 'likely', 'unlikely');
create index findings_of_blast on findings (tenant_id, blast, state, risk desc, finding_id) where blast <> 'none';
