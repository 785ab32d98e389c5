# Sourced by the tests here: a fresh folder $T, removed at the end, and calls of the program that say what went wrong.
#   ok ARGS...             must succeed; its stdout is $T/out, its stderr $T/err
#   fails CODE TEXT ARGS   must fail with that exit code and say TEXT on stderr, in one message, without a crash
#   says TEXT / lacks TEXT   stdout of the last call; has FILE TEXT
#   shared PATH            the path below ../shared, or skips the test (exit 0) with a word
set -u
LOREC=${LOREC_BIN:?}
SOURCE=${LOREC_SOURCE_DIR:?}
T=$(mktemp -d "${TMPDIR:-/tmp}/lorec-cli-XXXXXX")
trap 'chmod -R u+w "$T" 2>/dev/null; rm -rf "$T"' EXIT
cd "$T"
die() { echo "FAILED: $*"; [ -s "$T/err" ] && { echo "--- stderr"; tail -5 "$T/err"; }; exit 1; }
ok() { "$LOREC" "$@" >"$T/out" 2>"$T/err" || die "exit $?: lorec $*"; }
fails() {
    local code=$1 text=$2 rc
    shift 2
    "$LOREC" "$@" >"$T/out" 2>"$T/err"
    rc=$?
    [ $rc = "$code" ] || die "exit $rc where $code was due: lorec $*"
    grep -qF -- "$text" "$T/err" || die "stderr lacks \"$text\": lorec $*"
}
says() { grep -qF -- "$1" "$T/out" || { cat "$T/out"; die "stdout lacks \"$1\""; }; }
lacks() { ! grep -qF -- "$1" "$T/out" || { cat "$T/out"; die "stdout has \"$1\""; }; }
has() { grep -qF -- "$2" "$1" || die "$1 lacks \"$2\""; }
shared() {
    local p="$SOURCE/../shared/$1"
    [ -e "$p" ] || { echo "SKIPPED: $1: ../shared is not here"; exit 0; }
    printf '%s\n' "$p"
}
# Rows of a small shop: 30 people, 12 items, each goes on from where the last one ended.
shop() {
    echo "user,item,rating,timestamp"
    for u in $(seq 1 30); do
        for k in $(seq 0 5); do echo "u$u,i$(((u + k * 5) % 12)),$((1 + (u + k) % 5)),$((1000 + u * 10 + k))"; done
    done
}
# The shop's items, with titles and genres.
shop_items() {
    echo "item,title,genres"
    i=0
    while IFS=';' read -r title genres; do echo "i$i,\"$title\",$genres"; i=$((i + 1)); done <<'TITLES'
Heat (1995);Crime
Alien (1979);Horror
Toy Story (1995);Animation
Matrix, The (1999);Science Fiction
Se7en (1995);Crime
Fargo (1996);Crime
Aliens (1986);Horror
Jumanji (1995);Family
Rock, The (1996);Action
Casino (1995);Crime
Babe (1995);Family
Speed (1994);Action
TITLES
}
