# The packages of the Node programs in docs/verify-tokens, kept in target/. Sourced by tests/run.

node_folder=target/test-node

find_node() {
    node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null
}

install_node_packages() {
    if cmp -s tests/node/package-lock.json "$node_folder/installed.json"; then
        echo "up to date in $node_folder"
        return 0
    fi
    rm -rf "$node_folder"
    mkdir -p "$node_folder"
    cp tests/node/package.json tests/node/package-lock.json "$node_folder/"
    npm ci --prefix "$node_folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    # Copied last: an installation that was interrupted is made again.
    cp tests/node/package-lock.json "$node_folder/installed.json"
}
