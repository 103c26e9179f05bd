#!/bin/sh
# Makes every secret of compose.yaml anew: random passwords, and a certificate authority with one certificate for each
# broker and one for their administrator. Usage: docker/secrets.sh [FOLDER]   (default: docker/secrets)
#
# It never writes over a secret: to make ONE of them again, move that file away and run this with AGAIN=yes.
# Keep ca.key and a copy of the folder offline; nothing that runs needs ca.key.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/secrets}
brokers=${BROKERS:-"kafka-1 kafka-2 kafka-3"}  # their names are also their host names
days=${DAYS:-825}

if [ -e "$folder/complete" ] && [ -z "${AGAIN:-}" ]; then
    echo "secrets.sh: $folder holds a complete set; nothing was changed." >&2
    echo "To make some of them again: move those files away, then run  AGAIN=yes $0 $folder" >&2
    exit 1
fi
mkdir -p "$folder"
cd "$folder"
rm -f .*.new  # of a run that was interrupted

# Written beside and renamed, so that a file is there whole or not at all.
keep() { # NAME, its content on standard input
    cat >".$1.new"
    # Compose mounts each file as it is, and every service runs as a user of its own: the FOLDER keeps other people out.
    chmod 0444 ".$1.new"
    mv -f ".$1.new" "$1"
    echo "$1" >>.made.new
}

password() { [ -e "$1" ] || openssl rand -hex 24 | tr -d '\n' | keep "$1"; }

certificate() { # FILE, its subject's common name, its names or nothing: key and certificate in one PEM file
    [ -e "$1" ] && return
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout .key.new -out .request.new -subj "/CN=$2" 2>.said ||
        { cat .said >&2; exit 1; }
    {
        echo "basicConstraints=critical,CA:FALSE"
        echo "keyUsage=critical,digitalSignature"
        echo "extendedKeyUsage=serverAuth,clientAuth"
        if [ -n "${3:-}" ]; then echo "subjectAltName=$3"; fi
    } >.extensions.new
    openssl x509 -req -in .request.new -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -days "$days" \
        -sha256 -extfile .extensions.new -out .certificate.new 2>.said || { cat .said >&2; exit 1; }
    cat .key.new .certificate.new | keep "$1"
}

if [ ! -e ca.pem ]; then
    if [ -e ca.key ]; then echo "secrets.sh: ca.key is there, ca.pem is not: put it back, or move both away." >&2; exit 1; fi
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout .key.new -out .certificate.new -days 3650 -sha256 \
        -subj "/CN=unbroken Kafka CA" -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" 2>.said || { cat .said >&2; exit 1; }
    mv .key.new ca.key
    keep ca.pem <.certificate.new
elif [ ! -e ca.key ]; then
    echo "secrets.sh: ca.key is not in $folder: put it back for as long as this runs." >&2
    exit 1
fi
for broker in $brokers; do
    certificate "$broker.pem" kafka-broker "DNS:$broker,DNS:localhost,IP:127.0.0.1"
done
certificate kafka-admin.pem kafka-admin

# Not a secret, but like them made once: which cluster these brokers belong to.
[ -e kafka-cluster-id ] || openssl rand -base64 16 | tr '+/' '-_' | tr -d '=\n' | sed 's/^-/A/' | keep kafka-cluster-id
password kafka-writer-password
password postgres-password
password views-password
password prefect-password
password prefect-login-password

# What the application reads as one value each; always made from the passwords, so that the two cannot differ.
url() { printf '%s://%s:%s@postgres:5432/%s' "$2" "$3" "$(cat "$3-password")" "$3" | keep "$1"; }
url views-url postgresql+psycopg views
url prefect-url postgresql+asyncpg prefect
printf 'unbroken:%s' "$(cat prefect-login-password)" | keep prefect-login

echo "secrets.sh: made in $(pwd):" $(cat .made.new)
rm -f .*.new .said
date -u +%Y-%m-%dT%H:%M:%SZ >complete
echo "secrets.sh: next:  export UNBROKEN_SECRETS=$(pwd)"
