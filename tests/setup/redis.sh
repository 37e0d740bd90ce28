# Starts a private Redis in $work on a free port. tests/run sources this file.

redis_server=""
redis_pid=""

find_redis() {
    local name
    for name in redis-server valkey-server; do
        redis_server=$(command -v "$name") && return 0
    done
    return 1
}

start_redis() {
    local data=$work/redis port try wait
    mkdir "$data"
    # Tests that stop or break Redis start their own server.
    export INWREN_TEST_REDIS_SERVER=$redis_server
    for try in 1 2 3 4 5 6; do
        port=$((20000 + RANDOM % 12000))
        # Test data need not survive the server.
        "$redis_server" --port "$port" --bind 127.0.0.1 --dir "$data" --save "" --appendonly no \
            >"$data/server.log" 2>&1 &
        redis_pid=$!
        for wait in $(seq 600); do
            if grep -q 'Ready to accept connections' "$data/server.log"; then
                export INWREN_TEST_REDIS_URL="redis://127.0.0.1:$port"
                echo "Redis listens on port $port"
                return 0
            fi
            kill -0 "$redis_pid" 2>/dev/null || break
            sleep 0.1
        done
        stop_redis
        echo "attempt $try failed, perhaps because port $port is taken" >&2
    done
    cat "$data/server.log" >&2
    exit 1
}

stop_redis() {
    [ -n "$redis_pid" ] || return 0
    kill -9 "$redis_pid" 2>/dev/null || true
    wait "$redis_pid" 2>/dev/null || true
    redis_pid=""
}
