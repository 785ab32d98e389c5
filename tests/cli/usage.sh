#!/usr/bin/env bash
# Words of the command line: help at every level, versions, exit code 2 with the nearest name, no colours where unwanted.
. "$(dirname "$0")/support/lib.sh"

fails 2 "which command?"
says "usage: lorec COMMAND"
ok --help && says "  run " && says "Exit codes: 0 ok"
ok --version && says "lorec 0."
fails 2 'no command "rnu"; did you mean "run"?' rnu
fails 2 'no command "qqqqqqqq"; see `lorec --help`' qqqqqqqq

# every command of the table answers --help with usage and options, and `help COMMAND` is the same
ok --help
commands=$(awk '/^commands:/{on=1; next} /^$/{on=0} on{print $1}' "$T/out")
[ "$(echo "$commands" | wc -l)" -ge 6 ] || die "few commands: $commands"
for c in $commands; do
    ok "$c" --help && says "usage: lorec $c" && says "lorec $c: "
    cp "$T/out" "$T/first"
    ok help "$c" && cmp -s "$T/out" "$T/first" || die "help $c is not $c --help"
    [ "$c" = data ] || [ "$c" = eval ] || fails 2 "" "$c" --no-such-option-at-all
done

fails 2 'has no option --dta; did you mean --data?' run pop --dta x
fails 2 'has no option -Z' run pop -Z
fails 2 '--data is missing' run pop
fails 2 '--data wants a value' run pop --data
fails 2 'no method "saserc"' run saserc --data sample
fails 2 'which method?' run --data sample
fails 2 'has to be from 1 to 256' run pop --data sample --threads 0
fails 2 'write name=value' run pop --data sample --set smoothing
fails 2 'did you mean "smoothing" of markov?' run markov --data sample --set smothing=2
fails 2 'no option "smoothing"' run pop --data sample --set smoothing=2
fails 2 'has to be a number' run markov --data sample --set markov.smoothing=much
fails 2 'has to be from' run markov --data sample --set markov.smoothing=-1
fails 2 'no method "markof"; did you mean "markov"?' run markov --data sample --set markof.smoothing=1
fails 2 'did you mean "ndcg' run pop --data sample --metrics ndgc@10
fails 2 '' run pop --data sample --split lo
fails 2 '' run pop --data sample --eval everything
fails 2 'pop makes lists' run pop --data sample --metrics auc
fails 2 'no option "lamda"; there are l2' run ease --data sample --set ease.lamda=3
# what is wrong in the words is said before anything is read
fails 2 'candidates "unifrom@99" are not known' run pop --data nowhere.csv --eval unifrom@99
fails 2 'the cut-off has to be' run pop --data nowhere.csv --topk 0
fails 2 'neither seconds' run pop --data nowhere.csv --after yesterday
fails 2 'is no metric' run pop --data nowhere.csv --metrics ncdg
fails 2 'from 0 to 65535' serve nowhere --port 99999
fails 2 'is there twice' run pop --data sample --seed 1,1
fails 2 'whole numbers' run pop --data sample --seed one
fails 2 '--resume: which run?' run pop --data sample --resume
[ ! -e runs ] || die "a wrong call left a run folder"
fails 2 'RUN is missing' recommend --user 1
fails 2 'one word too many' recommend a b --user 1
fails 2 'for whom?' recommend a
fails 2 'name the file with --out' recommend a --users all
fails 2 'has to be "all"' recommend a --users some --out x
fails 2 'one word too many' doctor please

# colours only on a terminal, and never with NO_COLOR
ok methods && ! grep -q $'\033' "$T/out" || die "colours in a pipe"
if command -v script >/dev/null; then
    TERM=xterm script -qec "'$LOREC' methods" /dev/null </dev/null >"$T/out" 2>/dev/null
    grep -q $'\033\[1m' "$T/out" || die "no bold head on a terminal"
    NO_COLOR=1 TERM=xterm script -qec "'$LOREC' methods" /dev/null </dev/null >"$T/out" 2>/dev/null
    ! grep -q $'\033' "$T/out" || die "colours in spite of NO_COLOR"
fi

ok methods && says "markov" && says "last-item transition"
ok methods markov && says "smoothing" && says "1e-06 to 1e+09"
fails 2 'did you mean "markov"' methods markvo
ok doctor && says "kernels" && says "GFLOP/s" && says "OpenBLAS"
LOREC_ISA=nonsense ok doctor && has "$T/err" "no such kernels" && lacks "(LOREC_ISA)"
ok run pop --data sample:50 --no-controls --set sasrec.epochs=3 --out r && has "$T/err" "sasrec is not run here"
LOREC_ISA=portable ok doctor && says "kernels    portable (LOREC_ISA)"
ok doctor -q --threads 1 && says "threads    1 on"
if ok methods >/dev/null && [ -e /dev/full ]; then
    "$LOREC" methods >/dev/full 2>"$T/err"
    [ $? = 4 ] || die "a full stdout has to be exit 4"
    has "$T/err" "standard output"
fi
echo passed
