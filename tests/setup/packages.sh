# Finds the packages that the tests need, and installs missing ones if run as root with APT.
# tests/run and tests/load/run source this file.

missing_names=()
missing_packages=()

# need NAME FINDER PACKAGE…: records the packages as missing if the finder fails.
need() {
    local name=$1 finder=$2
    shift 2
    if "$finder"; then
        echo "found: $name"
    else
        echo "missing: $name"
        missing_names+=("$name")
        missing_packages+=("$@")
        missing_finders+=("$finder")
    fi
}
missing_finders=()

install_missing() {
    [ ${#missing_packages[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        {
            echo "The tests need these programs, which are missing:"
            printf '  %s\n' "${missing_names[@]}"
            echo "On Debian and Ubuntu: sudo apt-get install ${missing_packages[*]}"
        } >&2
        exit 1
    fi
    phase "Installing ${missing_packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # Otherwise the package of Postfix starts a mail server.
    [[ " ${missing_packages[*]} " != *" postfix "* ]] ||
        debconf-set-selections <<<"postfix postfix/main_mailer_type select No configuration"
    apt-get install -q -y --no-install-recommends "${missing_packages[@]}"
    local finder
    for finder in "${missing_finders[@]}"; do
        "$finder" || {
            echo "$finder still fails after installing ${missing_packages[*]}" >&2
            exit 1
        }
    done
}

find_curl() { command -v curl >/dev/null; }

find_w3m() { command -v w3m >/dev/null; }

# Debian installs nginx and Postfix in /usr/sbin, which is not in the PATH of regular users.
find_nginx() { PATH="$PATH:/usr/sbin" command -v nginx >/dev/null; }

find_apache() {
    PATH="$PATH:/usr/sbin" command -v apache2 >/dev/null && [ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]
}

find_postfix() { PATH="$PATH:/usr/sbin" command -v postfix >/dev/null; }

find_rspamd() { command -v rspamd >/dev/null; }

find_java() { command -v java >/dev/null; }

find_systemd_analyze() { command -v systemd-analyze >/dev/null; }

find_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
        CHROMIUM=$(command -v "$name") && export CHROMIUM && return 0
    done
    return 1
}

find_chromedriver() { CHROMEDRIVER=$(command -v chromedriver) && export CHROMEDRIVER; }
