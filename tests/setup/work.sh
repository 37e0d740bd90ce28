# A folder for what a run makes, gone again at its end. Sourced by tests/run and tests/load/run.

phase() { printf '\n== %s\n' "$*"; }

work=$(mktemp -d)

finish() {
    local code=$?
    trap - EXIT
    stop_postgres
    # Not all callers source redis.sh.
    ! declare -F stop_redis >/dev/null || stop_redis
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
