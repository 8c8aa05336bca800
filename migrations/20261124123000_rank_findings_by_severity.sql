-- Lists are narrowed by severity more than by anything else, and a severity comes to a handful of risks: read from the top
-- of each, a page is full after a few rows.
drop index findings_ranked;
create index findings_ranked on findings (tenant_id, state, severity, risk desc, finding_id);
