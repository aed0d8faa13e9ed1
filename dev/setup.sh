#!/usr/bin/env bash
# Installs what sluice needs on this machine, from the distribution's packages.
#
#   dev/setup.sh run      compiler, build tools, libraries
#   dev/setup.sh test     also what `make test` and `make lint` use
#   dev/setup.sh bench    also what `make bench` uses
#   dev/setup.sh print    only name the packages of all three, install nothing
#
# Safe to run again and again: when nothing is missing it asks dpkg once and leaves.
# Debian 13 and Ubuntu 25.04 have every package. Debian 12 lacks llhttp and yyjson; exactly
# these two are taken from Debian 13, pinned so that nothing else ever moves (see pin_newer).

set -u
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 1

RUN="gcc make meson ninja-build pkg-config libuv1-dev libnghttp2-dev libllhttp-dev libyyjson-dev
     libssl-dev libsqlite3-dev libyaml-dev zlib1g-dev libbrotli-dev libzstd-dev
     liblua5.4-dev
     python3 python3-venv"
# python3-swift is an S3 server for one test: modules only, no daemon, no user, nothing in /etc.
TEST="libcmocka-dev clang llvm pmccabe curl openssl
      ca-certificates git nghttp2-client python3-swift"
BENCH="wrk nghttp2-client python3 openssl"
# The packages that Debian 12 lacks. The first two are asked for; the rest are their libraries.
NEWER="libllhttp-dev libyyjson-dev"
NEWER_GLOBS="libllhttp* libyyjson*"
NEWER_SUITE=trixie

APT_SOURCE=/etc/apt/sources.list.d/sluice-$NEWER_SUITE.sources
APT_PIN=/etc/apt/preferences.d/sluice-$NEWER_SUITE

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        die "root is needed for: $* (run dev/setup.sh as root, or install sudo)"
    fi
}

# Prints those of its arguments that are not installed.
missing() {
    local have
    have=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "$@" 2>/dev/null)"
    for package in "$@"; do
        case $have in
        *" installed=$package "*) ;;
        *) echo "$package" ;;
        esac
    done
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -qq \
        -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@"
}

has_candidate() {
    apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# Prints "URI<TAB>Signed-By" of the first entry of the machine's own lists that serves the
# distribution's main archive, whichever of the two notations it is written in.
own_archive() {
    local files=()
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
        /etc/apt/sources.list.d/*.sources; do
        [ "$file" != "$APT_SOURCE" ] && [ -r "$file" ] && files+=("$file")
    done
    awk -v suite="($1|stable|oldstable)" '
        function give(uri, key) { printf "%s\t%s\n", uri, key; found = 1; exit }
        function stanza_end() {
            if (types ~ /(^| )deb( |$)/ && (" " suites " ") ~ (" " suite " ") &&
                (" " components " ") ~ / main / && enabled != "no" && uris != "")
                give(substr(uris, 1, match(uris " ", / /) - 1), key)
            types = suites = components = enabled = uris = key = field = ""
        }
        FNR == 1 { stanza_end() }
        FILENAME ~ /\.sources$/ {
            if ($0 ~ /^#/) next
            if ($0 ~ /^[ \t]*$/) { stanza_end(); next }
            if (match($0, /^[A-Za-z-]+:/)) {
                field = tolower(substr($0, 1, RLENGTH - 1))
                value = substr($0, RLENGTH + 1)
            } else {
                value = $0     # the field goes on; only a key block may have many lines
            }
            sub(/^[ \t]+/, "", value)
            if (field == "types") types = value
            else if (field == "suites") suites = value
            else if (field == "components") components = value
            else if (field == "enabled") enabled = tolower(value)
            else if (field == "uris") uris = uris == "" ? value : uris " " value
            else if (field == "signed-by" && key == "") key = value
            next
        }
        $1 == "deb" {
            line = $0; key = ""
            if (match(line, /\[[^]]*\]/)) {
                options = substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
                n = split(options, option, /[ \t]+/)
                for (i = 1; i <= n; i++)
                    if (option[i] ~ /^signed-by=/) key = substr(option[i], 11)
            }
            split(line, word)
            if (word[3] ~ ("^" suite "$") && line ~ /[ \t]main([ \t]|$)/) give(word[2], key)
        }
        END { if (!found) stanza_end() }
    ' "${files[@]}" </dev/null
}

# Debian 12 only: one more source (the same archive, next suite) in a file of its own, and a
# pin that keeps the whole suite out except the packages named. The archive's index for that
# suite is fetched alone, so other people's broken lists do not matter here.
pin_newer() {
    local id="" codename="" entry uri key
    id=$(. /etc/os-release && echo "${ID:-}")
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ "$id" = debian ] && [ "$codename" = bookworm ] ||
        die "this distribution has no package for: $* (Debian 12 or later, or Ubuntu 25.04 or later, is needed)"
    entry=$(own_archive "$codename")
    [ -n "$entry" ] || die "no entry for $codename main in /etc/apt; cannot tell where Debian's archive is"
    uri=${entry%%$'\t'*}
    key=${entry#*$'\t'}
    [ -n "$key" ] && [ -e "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
    say "taking $* from Debian $NEWER_SUITE (source: $APT_SOURCE, pin: $APT_PIN)"
    as_root tee "$APT_PIN" >/dev/null <<-PIN
	# Written by sluice's dev/setup.sh: nothing comes from $NEWER_SUITE but these libraries.
	Package: *
	Pin: release n=$NEWER_SUITE
	Pin-Priority: -1

	Package: $NEWER_GLOBS
	Pin: release n=$NEWER_SUITE
	Pin-Priority: 990
	PIN
    as_root tee "$APT_SOURCE" >/dev/null <<-SOURCE
	# Written by sluice's dev/setup.sh; see $APT_PIN.
	Types: deb
	URIs: $uri
	Suites: $NEWER_SUITE
	Components: main
	Signed-By: $key
	SOURCE
    apt_get update -o Dir::Etc::sourcelist="$APT_SOURCE" -o Dir::Etc::sourceparts=- \
        -o APT::Get::List-Cleanup=0 || say "could not refresh the index of $NEWER_SUITE"
}

# A package that starts a service must not start it: the benchmark runs its own.
without_services() {
    local policy=/usr/sbin/policy-rc.d made=no status
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
        made=yes
    fi
    "$@"
    status=$?
    [ $made = yes ] && as_root rm -f $policy
    return $status
}

apt_install() {
    without_services apt_get install -y --no-install-recommends "$@" >build/.setup/apt.log 2>&1
}

install() {
    local lacking newer=() package
    lacking=$(missing "$@")
    [ -z "$lacking" ] && return 0
    command -v apt-get >/dev/null ||
        die "no apt here; install what corresponds to: $(echo $lacking)"
    for package in $lacking; do
        has_candidate "$package" && continue
        apt_get update || say "some package lists could not be refreshed; going on"
        break
    done
    for package in $lacking; do
        case " $NEWER " in
        *" $package "*) has_candidate "$package" || newer+=("$package") ;;
        esac
    done
    [ ${#newer[@]} -gt 0 ] && pin_newer "${newer[@]}"
    say "installing" $lacking
    apt_install $lacking || {
        say "trying once more with fresh package lists"
        apt_get update || say "some package lists could not be refreshed; going on"
        apt_install $lacking
    } || {
        cat build/.setup/apt.log >&2
        die "apt could not install:" $lacking
    }
    case " $(echo $lacking) " in
    *" nginx-light "*) keep_nginx_off ;;
    esac
}

keep_nginx_off() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --now nginx >/dev/null 2>&1
    else
        as_root update-rc.d nginx disable >/dev/null 2>&1
    fi
    return 0
}

# The compiler's run-time library (sanitizers, libFuzzer, profiles) has the compiler's version
# in its name, which only the installed clang knows.
install_clang_runtime() {
    local marker=build/.setup/clang-runtime version
    [ -e $marker ] && [ $marker -nt "$(command -v clang)" ] && return 0
    version=$(clang -dumpversion) || die "clang does not run"
    install "libclang-rt-${version%%.*}-dev"
    touch $marker
}

# True when the marker records this very content; `mark` records it.
fresh() { [ -e "build/.setup/$1" ] && [ "$(cat "build/.setup/$1")" = "$2" ]; }
mark() { echo "$2" >"build/.setup/$1"; }

install_python() {
    local want=() file sum python=python3
    for file in dev/requirements.txt tests/e2e/requirements.txt; do
        [ -e $file ] && want+=(-r $file)
    done
    sum=$(cat dev/requirements.txt tests/e2e/requirements.txt 2>/dev/null | cksum)
    [ -x build/venv/bin/python ] && fresh python "$sum" && return 0
    [ -x /usr/bin/python3 ] && python=/usr/bin/python3
    say "installing the Python packages of" "${want[@]}" "into build/venv"
    [ -x build/venv/bin/python ] || $python -m venv build/venv || die "cannot make build/venv"
    build/venv/bin/python -m pip install -q --disable-pip-version-check --no-input "${want[@]}" ||
        die "pip could not install the Python packages"
    mark python "$sum"
}

# Packages that do not go together with those of build/venv, in a folder within it.
install_langchain() {
    local list=tests/e2e/requirements-langchain.txt where=build/venv/langchain sum
    sum=$(cksum <$list)
    [ -d $where ] && fresh langchain "$sum" && return 0
    say "installing the Python packages of $list into $where"
    rm -rf $where.new
    build/venv/bin/python -m pip install -q --disable-pip-version-check --no-input --target $where.new -r $list ||
        die "pip could not install the packages of $list"
    rm -rf $where && mv $where.new $where
    mark langchain "$sum"
}

install_node() {
    local where=tests/e2e/node sum
    # A node that is there already counts, wherever it came from.
    command -v node >/dev/null && command -v npm >/dev/null || install nodejs npm
    [ -e $where/package-lock.json ] || return 0
    sum=$(cksum <$where/package-lock.json)
    [ -d $where/node_modules ] && fresh node "$sum" && return 0
    say "installing the Node packages of $where"
    (cd $where && npm ci --silent --no-audit --no-fund) || die "npm ci failed in $where"
    mark node "$sum"
}

# Coding agents for the end-to-end tests: 460 MB to load, 1.2 GB on the disk, about a minute. All of them are optional: one that the
# registry does not have, or not for this machine, is left out, and its tests say so. Nothing of theirs is run by the installation.
install_agents() {
    local where=tests/e2e/agents sum
    [ -e $where/package-lock.json ] && command -v npm >/dev/null || return 0
    sum=$(cksum <$where/package-lock.json)
    [ -d $where/node_modules ] && fresh agents "$sum" && return 0
    say "installing the coding agents of $where (460 MB to load, 1.2 GB on the disk; SLUICE_NO_AGENTS=1 leaves them out)"
    if (cd $where && npm ci --silent --ignore-scripts --no-audit --no-fund); then
        mark agents "$sum"
    else
        say "npm ci failed in $where: the tests with agents will be skipped"
    fi
}

# dev/h2spec/go.mod pins it; a go that is there already counts.
install_h2spec() {
    local sum
    sum=$(cksum <dev/h2spec/go.mod)
    [ -x build/tools/h2spec ] && fresh h2spec "$sum" && return 0
    command -v go >/dev/null || install golang-go
    say "building h2spec into build/tools"
    (cd dev/h2spec && GOTOOLCHAIN=local go build -trimpath -buildvcs=false \
        -o ../../build/tools/h2spec github.com/summerwind/h2spec/cmd/h2spec) \
        >build/.setup/h2spec.log 2>&1 || {
        cat build/.setup/h2spec.log >&2
        die "go could not build h2spec"
    }
    mark h2spec "$sum"
}

# What local token counts are made of: rank files out of a package, packed for mapping (docs/internals/tokens.md). Nothing else
# needs them: where they cannot be had, counts are estimates, and sluice says so.
install_tokens() {
    local share=build/share/sluice sum
    sum=$(cat dev/tokens/fetch dev/tokens/pack.c src/tokens/vocab_format.h | cksum)
    [ -e $share/o200k_base.vocab ] && [ -e $share/cl100k_base.vocab ] && fresh tokens "$sum" && return 0
    say "preparing the vocabularies of local token counts in $share"
    if pack_tokens $share; then
        mark tokens "$sum"
    else
        say "no vocabularies: token counts will be estimates"
    fi
}

pack_tokens() {
    local share=$1 ranks=build/.setup/ranks pack=build/.setup/pack_tokens python=python3 name
    [ -x /usr/bin/python3 ] && python=/usr/bin/python3
    mkdir -p "$share" || return
    [ -x build/venv/bin/python ] || $python -m venv build/venv || return
    build/venv/bin/python dev/tokens/fetch $ranks || return
    gcc -O2 -Isrc dev/tokens/pack.c -o $pack || return
    for name in o200k cl100k; do
        $pack $name ${name}_base $ranks/${name}_base.tiktoken "$share/${name}_base.vocab.new" || return
        mv "$share/${name}_base.vocab.new" "$share/${name}_base.vocab" || return
    done
}

# One at a time: two shells that start `make test` together would share build/venv.
locked() {
    mkdir -p build/.setup build/tools
    if command -v flock >/dev/null; then
        exec 9>build/.setup/lock
        flock 9
    fi
    "$@"
}

setup_run() {
    install $RUN
    install_tokens
}
setup_test() {
    install $RUN $TEST
    install_tokens
    install_clang_runtime
    install_python
    install_langchain
    install_node
    [ -n "${SLUICE_NO_AGENTS:-}" ] || install_agents
    install_h2spec
}
setup_bench() {
    if [ -x /usr/sbin/nginx ]; then install $RUN $BENCH; else install $RUN $BENCH nginx-light; fi
}

case ${1:-run} in
run) locked setup_run ;;
test) locked setup_test ;;
bench) locked setup_bench ;;
print) echo $RUN $TEST $BENCH nginx-light | tr ' ' '\n' | sort -u ;;
*) die "usage: dev/setup.sh [run|test|bench|print]" ;;
esac
