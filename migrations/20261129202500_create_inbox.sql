-- What people are told, and what of it goes out by e-mail.

create table inbox (
    tenant_id uuid not null,
    person_id uuid not null,
    item_no bigint generated always as identity,
    at timestamptz not null,
    kind text not null,
    subject text not null check (char_length(subject) between 1 and 300),
    -- A path of ours.
    link text not null,
    read_at timestamptz,
    primary key (tenant_id, person_id, item_no),
    foreign key (tenant_id, person_id) references members on delete cascade
);
create index inbox_unread on inbox (tenant_id, person_id) where read_at is null;
call protect_tenant_table('inbox', 'select, insert, update, delete');

-- Which kinds a person wants by e-mail; a kind without a row has the core's default.
create table inbox_settings (
    tenant_id uuid not null,
    person_id uuid not null,
    kind text not null,
    mail text not null check (mail in ('never', 'at_once', 'daily')),
    primary key (tenant_id, person_id, kind),
    foreign key (tenant_id, person_id) references members on delete cascade
);
call protect_tenant_table('inbox_settings', 'select, insert, update');

-- Mails that wait, written in the transaction of what they tell of.
create table mails (
    tenant_id uuid not null,
    mail_no bigint generated always as identity,
    person_id uuid not null,
    subject text not null,
    -- [{subject, link}], oldest first.
    items jsonb not null,
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
    attempts integer not null default 0,
    next_try_at timestamptz not null,
    ended_at timestamptz,
    error text,
    primary key (tenant_id, mail_no),
    foreign key (tenant_id, person_id) references members on delete cascade
);
create index mails_waiting on mails (tenant_id, next_try_at) where state = 'waiting';
call protect_tenant_table('mails', 'select, insert, update, delete');

-- Up to where the inbox of each person went out in a digest.
create table digests (
    tenant_id uuid not null,
    person_id uuid not null,
    up_to bigint not null,
    primary key (tenant_id, person_id),
    foreign key (tenant_id, person_id) references members on delete cascade
);
call protect_tenant_table('digests', 'select, insert, update');
