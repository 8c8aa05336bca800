-- What a resource's findings are ranked by stands in the index, so that those of some thousand resources that share a tag or
-- the beginning of a name are ranked without a look at the findings themselves.
drop index findings_of_resource;
create index findings_of_resource on findings (tenant_id, resource_id, state, risk desc, finding_id);
-- What nobody owns: few where rules say whose findings are, and then the ranking of all would be read to its end for them.
create index findings_of_nobody on findings (tenant_id, state, risk desc, finding_id)
    where assignee_id is null and team_id is null;
-- What a team and a member have to do next.
create index findings_due_of_team on findings (tenant_id, team_id, due_at, finding_id)
    where state = 'open' and team_id is not null and due_at is not null;
create index findings_due_of_assignee on findings (tenant_id, assignee_id, due_at, finding_id)
    where state = 'open' and assignee_id is not null and due_at is not null;
-- What is ranked from an index alone is so only where a vacuum has been since the last change: it comes after two changed
-- findings of a hundred rather than twenty.
alter table findings set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);
