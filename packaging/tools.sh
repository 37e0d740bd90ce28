# Tools that make packages, kept in target/tools. Sourced by the scripts beside it.

tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"

# get_tool NAME VERSION: builds it unless it is there already.
get_tool() {
    if grep -qs "^\"$1 $2 " "$tools/.crates.toml"; then
        return 0
    fi
    # Its build goes to a folder of its own, which is not kept. It runs for seconds: optimising it would take minutes.
    CARGO_TARGET_DIR=$tools/build cargo install "$1" --debug --version "=$2" --locked --root "$tools" --force
    rm -rf "$tools/build"
}
