-- Pages say what is not seen: few rows beside the many scopes that are.
create index scopes_out_of_sight on scopes (tenant_id, source_id) where outcome <> 'complete';
