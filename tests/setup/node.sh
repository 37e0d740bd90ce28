# Installs the packages of Node programs, such as those in docs/verify-tokens, in target/. tests/run sources this file.

node_folder=target/test-node

# The packages require Node 20.19 or a later 20, or 22.12 or later.
find_node() {
    node -e '
        const [major, minor] = process.versions.node.split(".").map(Number)
        const fits = major === 20 ? minor >= 19 : major === 22 ? minor >= 12 : major > 22
        process.exit(fits ? 0 : 1)
    ' 2>/dev/null && command -v npm >/dev/null
}

# install_node_packages [FROM TO]: installs the packages of the lock file in folder FROM into folder TO.
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
    # Copy the lock file last, so that an interrupted installation is repeated.
    cp "$from/package-lock.json" "$to/installed.json"
}
