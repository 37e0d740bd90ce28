# Jest, for the pages of docs/testing-with-inwren.md, kept in target/. Sourced by tests/run.

jest_folder=target/test-jest

install_jest() {
    if cmp -s tests/jest/package-lock.json "$jest_folder/installed.json"; then
        echo "up to date in $jest_folder"
        return 0
    fi
    rm -rf "$jest_folder"
    mkdir -p "$jest_folder"
    cp tests/jest/package.json tests/jest/package-lock.json "$jest_folder/"
    npm ci --prefix "$jest_folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    # Copied last: an installation that was interrupted is made again.
    cp tests/jest/package-lock.json "$jest_folder/installed.json"
}
