# Creates the virtual environments of the Python tests in target/. tests/run sources this file.

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

# make_venv [REQUIREMENTS FOLDER]: creates an environment with the packages of a requirements file.
make_venv() {
    local requirements=${1:-tests/python/requirements.txt} folder=${2:-$venv}
    if [ -x "$folder/bin/python" ] && cmp -s "$requirements" "$folder/requirements.txt"; then
        echo "up to date in $folder"
        return 0
    fi
    rm -rf "$folder"
    "$python_program" -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    # Copy the requirements last, so that an interrupted installation is repeated.
    cp "$requirements" "$folder/requirements.txt"
}
