#!/usr/bin/env bash
# A run that is killed or interrupted goes on where it was, to the same numbers; finished results are not made again.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv
seeds=$(seq -s, 1 12)
metrics() { grep -v '_s"\|rss_mib\|"run"' "$1/result.json"; }

ok run pop,markov --data shop.csv --seed "$seeds" --out straight -q
interrupted() { # SIGNAL FOLDER: stops the run once its first result is there
    "$LOREC" run pop,markov --data shop.csv --seed "$seeds" --out "$2" -q >"$T/out" 2>"$T/err" &
    local pid=$!
    for _ in $(seq 2000); do
        [ -e "$2/results/pop-1/result.json" ] && break
        kill -0 $pid 2>/dev/null || break
        sleep 0.005
    done
    kill -"$1" $pid 2>/dev/null
    wait $pid
    rc=$?
}

interrupted KILL killed
[ -e killed/results/pop-1/result.json ] || die "no result before the kill"
[ ! -e killed/result.json ] || die "the run was over before it was killed (rc $rc): nothing is tested"
fails 3 'is not finished' compare killed
before=$(stat -c %Y.%i killed/results/pop-1/result.json)
fails 2 'was made with split = "loo", not "ratio:8:1:1"' run pop,markov --data shop.csv --split ratio:8:1:1 --out killed --resume
ok run pop,markov --data shop.csv --seed "$seeds" --out killed --resume -q
[ "$before" = "$(stat -c %Y.%i killed/results/pop-1/result.json)" ] || die "a finished result was made again"
metrics straight >a && metrics killed >b && cmp -s a b || die "killed and resumed, other numbers: $(diff a b | head -5)"
[ ! -e killed/checkpoints ] || die "checkpoints are left over"

interrupted INT stopped
[ "$rc" = 5 ] || die "Ctrl-C gives exit $rc, not 5"
has "$T/err" "--out stopped --resume"
ok run pop,markov --data shop.csv --seed "$seeds" --out stopped --resume -q
metrics stopped >b && cmp -s a b || die "stopped and resumed, other numbers"

# one process at a time
"$LOREC" run sasrec --data sample:200 --no-controls --set epochs=5000 --set stopping_step=5000 --out shared -q >/dev/null 2>&1 &
pid=$!
for _ in $(seq 2000); do [ -e shared/manifest.json ] && break; sleep 0.005; done
fails 1 'another lorec is at work on it' run sasrec --data sample:200 --no-controls --out shared --resume
kill -KILL $pid
wait $pid 2>/dev/null
ok run pop --data sample:200 --no-controls --out shared --resume -q # what a killed one held is free

# another method joins later; other options make a method's result anew
ok run pop --data shop.csv --out grows
ok run pop,markov --data shop.csv --out grows --resume --json && says '"markov"'
before=$(stat -c %i grows/results/markov-1/result.json)
ok run pop,markov --data shop.csv --out grows --resume --set markov.smoothing=9 -q
[ "$before" != "$(stat -c %i grows/results/markov-1/result.json)" ] || die "other options, old result"
has grows/results/markov-1/result.json '"smoothing": 9'

echo passed
