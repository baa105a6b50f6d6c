#!/bin/sh
# Prints the Python that set-up is to use: the one asked for, else that of the existing environment, else the first
# suitable one on PATH. Shell and not Python, since it must speak clearly where only an unsuitable Python is found.
#
#   python.sh PYTHON VENV [VERSIONS [EXAMPLE]]
#
# PYTHON may be empty. VERSIONS are those that will do, oldest first; EXAMPLE is a command that names one.
# Exit status 2 and one line on stderr if there is none. Makes nothing.
set -u
asked=$1
venv=$2
versions=${3:-3.10 3.11 3.12 3.13}
example=${4:-PYTHON=python3.12 make compare}
range="${versions%% *} to ${versions##* }"

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null; }

suitable() {
    case " $versions " in
        *" $1 "*) return 0 ;;
        *) return 1 ;;
    esac
}

fail() {
    echo "harness: $*" >&2
    exit 2
}

if [ -n "$asked" ]; then
    variable=${example%%=*}
    command -v "$asked" >/dev/null 2>&1 ||
        fail "$variable=$asked: there is no such command. Name a Python $range, as in: $example"
    version=$(version_of "$asked")
    [ -n "$version" ] ||
        fail "$variable=$asked does not run as a Python. Name a Python $range, as in: $example"
    suitable "$version" ||
        fail "$variable=$asked is Python $version; Python $range is needed, as in: $example"
    echo "$asked"
    exit 0
fi

seen=
for candidate in "$venv/bin/python" python3 python python3.13 python3.12 python3.11 python3.10; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    version=$(version_of "$candidate")
    if [ -n "$version" ] && suitable "$version"; then
        echo "$candidate"
        exit 0
    fi
    [ -z "$version" ] || seen="$seen${seen:+, }$candidate is $version"
done
fail "found no Python $range${seen:+ ($seen)}. Install one and name it: $example"
