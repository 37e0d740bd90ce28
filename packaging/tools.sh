# Installs packaging tools into target/tools. The scripts in this folder source it.

tools=$PWD/target/tools
export PATH="$tools/bin:$PATH"

# get_tool NAME VERSION: builds the tool unless that version is installed.
get_tool() {
    if grep -qs "^\"$1 $2 " "$tools/.crates.toml"; then
        return 0
    fi
    # Builds in a temporary folder, without optimisation: the tool runs for seconds, optimising it would take minutes.
    CARGO_TARGET_DIR=$tools/build cargo install "$1" --debug --version "=$2" --locked --root "$tools" --force
    rm -rf "$tools/build"
}
