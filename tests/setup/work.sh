# Creates a temporary folder for a run, and removes it at the end. tests/run and tests/load/run source this file.

phase() { printf '\n== %s\n' "$*"; }

work=$(mktemp -d)

finish() {
    local code=$?
    trap - EXIT
    stop_postgres
    # tests/load/run does not source redis.sh.
    ! declare -F stop_redis >/dev/null || stop_redis
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
