# The packages of Node programs, such as those in docs/verify-tokens, kept in target/. Sourced by tests/run.

node_folder=target/test-node

# What the packages take: 20.19 or a later 20, 22.12 or anything later.
find_node() {
    node -e '
        const [major, minor] = process.versions.node.split(".").map(Number)
        const fits = major === 20 ? minor >= 19 : major === 22 ? minor >= 12 : major > 22
        process.exit(fits ? 0 : 1)
    ' 2>/dev/null && command -v npm >/dev/null
}

# install_node_packages [FROM TO]: those of the lock file in a folder, into another one.
install_node_packages() {
    local from=${1:-tests/node} to=${2:-$node_folder}
    if cmp -s "$from/package-lock.json" "$to/installed.json"; then
        echo "up to date in $to"
        return 0
    fi
    rm -rf "$to"
    mkdir -p "$to"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    npm ci --prefix "$to" --ignore-scripts --no-audit --no-fund --loglevel=error
    # Copied last: an installation that was interrupted is made again.
    cp "$from/package-lock.json" "$to/installed.json"
}
