# Starts a private PostgreSQL in $work on a free port. tests/run and tests/load/run source this file.

postgres_bin=""
postgres_started=no

find_postgres() {
    local folder
    # Debian installs the server programs outside PATH, in a folder per version.
    for folder in "$(dirname "$(command -v postgres || echo /nowhere/postgres)")" \
        $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
        if [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            postgres_bin=$folder
            # For tests that start and stop their own servers.
            export INWREN_TEST_POSTGRES_BIN=$folder
            return 0
        fi
    done
    return 1
}

# PostgreSQL refuses to run as root.
as_postgres() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif command -v runuser >/dev/null; then
        runuser -u postgres -- "$@"
    else
        su -s /bin/sh postgres -c '"$0" "$@"' -- "$@"
    fi
}

start_postgres() {
    local data=$work/postgres port try
    mkdir "$data"
    chmod 711 "$work"
    chmod 700 "$data"
    [ "$(id -u)" -ne 0 ] || chown postgres "$data"
    (cd "$data" && as_postgres "$postgres_bin/initdb" -D "$data" -U postgres -A trust --no-locale --encoding=UTF8 \
        --no-sync) >"$work/initdb.log" 2>&1 || {
        cat "$work/initdb.log" >&2
        exit 1
    }
    # Each test has its own database and its own connections.
    as_postgres tee -a "$data/postgresql.conf" >/dev/null <<'CONF'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 800
CONF
    # Test data need not survive a crash of the machine.
    [ "${postgres_durable:-no}" = yes ] || as_postgres tee -a "$data/postgresql.conf" >/dev/null <<'CONF'
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_senders = 0
wal_level = minimal
autovacuum = off
CONF
    for try in 1 2 3 4 5 6; do
        port=$((20000 + RANDOM % 12000))
        if (cd "$data" && as_postgres "$postgres_bin/pg_ctl" start -D "$data" -w -s -t 60 -l "$data/server.log" \
            -o "-p $port"); then
            postgres_started=yes
            export INWREN_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
            echo "PostgreSQL listens on port $port"
            return 0
        fi
        echo "attempt $try failed, perhaps because port $port is taken" >&2
    done
    cat "$data/server.log" >&2
    exit 1
}

stop_postgres() {
    [ "$postgres_started" = yes ] || return 0
    (cd / && as_postgres "$postgres_bin/pg_ctl" stop -D "$work/postgres" -m immediate -s) || true
}
