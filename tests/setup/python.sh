# The virtual environment of the Python tests, kept in target/. Sourced by tests/run.

venv=target/test-venv

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            python_program=$name
            return 0
        fi
    done
    return 1
}

make_venv() {
    if [ -x "$venv/bin/python" ] && cmp -s tests/python/requirements.txt "$venv/requirements.txt"; then
        echo "up to date in $venv"
        return 0
    fi
    rm -rf "$venv"
    "$python_program" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
    # Copied last: an installation that was interrupted is made again.
    cp tests/python/requirements.txt "$venv/requirements.txt"
}
