#!/bin/bash
# Runs once, in the database's container, when the database is first made: the role that migrates, and the role that works
# and cannot bypass row-level security. docker-compose.yml puts it there.
set -euo pipefail
psql --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres \
  --set=owner_password="$(cat /run/secrets/owner_password)" \
  --set=app_password="$(cat /run/secrets/app_password)" <<'SQL'
create role plumbline_owner login createrole password :'owner_password';
create role plumbline_app login noinherit nosuperuser nobypassrls password :'app_password';
create database plumbline owner plumbline_owner;
SQL
