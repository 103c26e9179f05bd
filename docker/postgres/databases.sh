#!/bin/sh
# Two databases, each with an owner who sees nothing of the other: the views, and Prefect's own. The image runs this when
# the disk is new; run again at any time, it sets the passwords to what the files now say and changes nothing else.
set -eu
secrets=${SECRETS:-/run/secrets}
for name in views prefect; do
    [ -r "$secrets/$name-password" ] || { echo "databases.sh: cannot read $secrets/$name-password" >&2; exit 78; }
    # The password is read by psql itself: an argument would be seen by whoever lists processes.
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres --set "name=$name" <<SQL
\set password \`cat '$secrets/$name-password'\`
SELECT format('CREATE ROLE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
