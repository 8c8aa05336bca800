-- Feeds that workers fetch by themselves: the lease under which one of them does, and how the last try went. What a feed
-- brought is in `feeds`.
create table feed_fetches (
    feed text primary key,
    -- `osv`, `kev`, `epss`.
    kind text not null,
    url text not null,
    every_seconds bigint not null check (every_seconds > 0),
    due_at timestamptz not null,
    -- The worker that fetches it at this moment.
    leased_by uuid,
    leased_until timestamptz,
    attempted_at timestamptz not null,
    -- When it was last taken, or the other side said that it has nothing newer.
    confirmed_at timestamptz,
    -- Tries in a row that failed, and why the last one did; null when it did not.
    failures integer not null default 0,
    error text,
    -- As the other side gave them with what was taken last: it is asked for anything newer than that.
    etag text,
    last_modified text
);
grant select on feed_fetches to plumbline_app;
grant select, insert, update, delete on feed_fetches to plumbline_feeds;
