#!/bin/sh
# Runs a command with its secrets: for every UNBROKEN_ or PREFECT_ variable NAME_FILE, NAME is set to what that file holds. So a secret is in
# no image, no compose file and no `docker inspect`, only in the files and in the process that needs it.
set -eu
for name in $(env | sed -n 's/^\(\(UNBROKEN\|PREFECT\)_[A-Z0-9_]*\)_FILE=.*/\1/p'); do
    eval "file=\$${name}_FILE"
    if [ ! -r "$file" ]; then
        echo "entry.sh: ${name}_FILE names $file, which this user cannot read" >&2
        exit 78
    fi
    value=$(cat "$file")
    export "$name=$value"
    unset "${name}_FILE"
done
exec "$@"
