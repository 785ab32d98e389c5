#!/usr/bin/env bash
# compare: one table of several runs; runs of other protocols are refused by name.
. "$(dirname "$0")/support/lib.sh"
shop | sed 's/^u1,/<u1>,/' >'sh<o>p.csv'
ok run pop --data 'sh<o>p.csv' --out a -q
ok run markov --data 'sh<o>p.csv' --out b --no-controls --set smoothing=3 -q
ok run pop --data 'sh<o>p.csv' --out c --split ratio:8:1:1 -q
fails 2 'a was made under the protocol' compare a c && has "$T/err" ', c under '
ok compare a b --out table && says "table.html" && says "markov"
[ "$(grep -c '<svg' table.html)" -ge 2 ] || die "no plots"
! grep -qE 'src=|href=|@import|<script' table.html || die "the page loads something"
! grep -q 'sh<o>p' table.html || die "names are not escaped"
has table.html 'sh&lt;o&gt;p'
has table.md "| markov (b) |" # other options than the control of the same key: told apart
has table.tex '\toprule' && has table.tex '\caption{' && has table.tex 'loo-full-v1:'
ok compare a b --out table --json && says '"vs"' && says '"files"'
ok compare a && [ -s a/compare.html ] && [ -s a/compare.tex ] || die "the default place"
ok compare a a --json # the same run twice is one
[ "$(grep -c '"status"' "$T/out")" = "$(grep -c '"status"' a/result.json)" ] || die "results are doubled"

# lists made elsewhere join a run's table: the run's own lists, under another name, give the run's own numbers
ok eval --run b --lists b/lists.tsv --name theirs --json && says '"theirs"'
one() { awk -v m="\"$2\"" '/"results"/{on=1} on && index($0, m){mine=1} mine && /"ndcg@10": [0-9]/{print; exit}' "$1"; }
[ -n "$(one b/result.json markov)" ] && [ "$(one b/result.json markov)" = "$(one b/result.json theirs)" ] || die "the same lists, other numbers"
fails 2 'has a row "theirs" already' eval --run b --lists b/lists.tsv --name theirs
fails 2 'lorec has a method of that key' eval --run b --lists b/lists.tsv --name pop
fails 2 'one of --data' eval --run b --data x --lists b/lists.tsv
ok compare a b --out with && has with.md '| theirs |'

rm -r a/results/pop-1
fails 3 'the run is not whole' compare a
echo '{"schema":1}' >b/result.json
fails 3 'b: ' compare b
fails 3 'no such run' compare nowhere
fails 2 'RUN... is missing' compare
echo passed
