#!/bin/sh
# Prints the Python that set-up is to use: the one asked for, else that of the existing environment, else the first
# suitable one on PATH. Shell and not Python, since it must speak clearly where only an unsuitable Python is found.
#
#   python.sh PYTHON VENV       PYTHON may be empty
#
# Exit status 2 and one line on stderr if there is none. Makes nothing.
set -u
asked=$1
venv=$2
range='3.10 to 3.13'

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null; }

suitable() {
    case $1 in
        3.10 | 3.11 | 3.12 | 3.13) return 0 ;;
        *) return 1 ;;
    esac
}

fail() {
    echo "harness: $*" >&2
    exit 2
}

if [ -n "$asked" ]; then
    command -v "$asked" >/dev/null 2>&1 ||
        fail "PYTHON=$asked: there is no such command. Name a Python $range, as in: PYTHON=python3.12 make compare"
    version=$(version_of "$asked")
    [ -n "$version" ] ||
        fail "PYTHON=$asked does not run as a Python. Name a Python $range, as in: PYTHON=python3.12 make compare"
    suitable "$version" ||
        fail "PYTHON=$asked is Python $version; Python $range is needed, as in: PYTHON=python3.12 make compare"
    echo "$asked"
    exit 0
fi

seen=
for candidate in "$venv/bin/python" python3 python python3.13 python3.12 python3.11 python3.10; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    version=$(version_of "$candidate")
    if suitable "$version"; then
        echo "$candidate"
        exit 0
    fi
    [ -z "$version" ] || seen="$seen${seen:+, }$candidate is $version"
done
fail "found no Python $range${seen:+ ($seen)}. Install one and name it: PYTHON=/path/to/python3.12 make compare"
