-- What an exception covers by a filter is one line of the list's words: {"filter": "severity<=low tag:team=lab"}.

-- A value as the line has it: in quotes where it would not be read as itself.
create function pg_temp.printed(value text) returns text language sql immutable as $$
    select case when value ~ '^[^\s,"\\]+$' then value
        else '"' || replace(replace(value, '\', '\\'), '"', '\"') || '"' end
$$;

-- A word about one thing. A `*` or `?` stood for itself here, and nothing is called so: such a word is left not understood,
-- and covers nothing as it did.
create function pg_temp.word(field text, value text) returns text language sql immutable as $$
    select case when value ~ '[*?]' then 'nothing-is-called:' else field || ':' end || pg_temp.printed(value)
$$;

-- A pattern of whole names. One without `*` and `?` meant the one name, while a line's `resource:` means beginnings too.
create function pg_temp.named(pattern text) returns text language sql immutable as $$
    select case when pattern ~ '[*?]' then 'resource:' || pg_temp.printed(pattern)
        else 'resource:' || pg_temp.printed(pattern || '**') || ' -resource:' || pg_temp.printed(pattern || '?**') || ','
            || pg_temp.printed(pattern || '/**') end
$$;

create function pg_temp.line(old jsonb) returns text language sql immutable as $$
    select concat_ws(' ',
        (select case when bool_or(value ~ '[*?]') then 'nothing-is-called:check'
             else 'check:' || string_agg(pg_temp.printed(value), ',' order by place) end
         from (select value, min(place) as place from jsonb_array_elements_text(old -> 'checks') with ordinality c (value, place)
               group by value) once),
        'key:' || (old ->> 'layer'),
        'severity<=' || (old ->> 'severity_at_most'),
        pg_temp.word('account', old ->> 'account'),
        pg_temp.word('region', old ->> 'region'),
        'source:' || (old ->> 'source'),
        pg_temp.word('kind', old ->> 'kind'),
        'tag:' || pg_temp.printed((old -> 'tag' ->> 0) || '=' || (old -> 'tag' ->> 1)),
        pg_temp.named(old ->> 'name'),
        'cve:' || pg_temp.printed(old ->> 'subject'),
        -- A line's `cve:` means the word in capitals too.
        case when upper(old ->> 'subject') <> old ->> 'subject'
            then '-cve:' || pg_temp.printed(upper(old ->> 'subject')) end)
$$;

alter table exceptions no force row level security;
update exceptions set scope = jsonb_build_object('filter', pg_temp.line(scope -> 'filter'))
where jsonb_typeof(scope -> 'filter') = 'object';
alter table exceptions force row level security;

drop function pg_temp.line(jsonb);
drop function pg_temp.named(text);
drop function pg_temp.word(text, text);
drop function pg_temp.printed(text);
