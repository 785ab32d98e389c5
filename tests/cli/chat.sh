#!/usr/bin/env bash
# lorec chat: titles become the history, /commands, pipes without prompts, JSON lines, a language model that is there or not, and
# a terminal with line editing.
. "$(dirname "$0")/support/lib.sh"
shop_items >items.csv
shop >shop.csv
ok run ease,markov --data shop.csv --item-text items.csv --out r --no-controls -q
talk() { # LINES...: a pipe; the options are in $with
    printf '%s\n' "$@" | "$LOREC" chat r ${with:-} >out 2>err || die "exit $?: $*"
}
with=

# a whole line, parts between commas, titles in a sentence; none twice, none of the history
talk 'heat' '/history' && says '"Heat (1995)"'
[ "$(grep -c '^[1-5]\. ' out)" = 5 ] || die "not five: $(cat out)"
grep '^[1-5]\. "Heat' out && die "what was named is recommended"
talk 'the matrix, toy story' '/history' && says '"Matrix, The (1999)"' && says '"Toy Story (1995)"'
talk 'I liked "Alien" and The Rock very much.' '/history' && says '"Alien (1979)"' && says '"Rock, The (1996)"'
LC_ALL=C grep -q '[^[:print:][:space:]]' out && die "an escape in a pipe"
grep -q '^> ' out && die "a prompt in a pipe"

# /more goes on, /why says what the model does, /forget takes back, /method asks another one
talk 'heat' '/more' && [ "$(grep '^[0-9]*\. ' out | sed 's/^[0-9]*\. \("[^"]*"\).*/\1/' | sort | uniq -d)" = "" ] || die "a title comes twice: $(cat out)"
talk 'heat, casino' '/why 1' && says 'without it the score is lower by'
talk 'heat, casino' '/forget Casino' && [ "$(tail -1 out)" = '"Heat (1995)"' ] || die "/forget: $(cat out)"
talk 'heat' '/forget' '/history' && [ "$(tail -1 out)" = 'nothing yet' ] || die "/forget all: $(cat out)"
talk '/method' && says 'ease (asked now)' && says 'markov'
talk '/method markov' 'heat' && says 'markov (asked now)'
talk '/help' && says '/why [N]'
talk '' 'heat' '/quit' 'alien' && [ "$(grep -c '^1\. ' out)" = 1 ] || die "/quit did not end it"
talk 'hello there' && says 'what others choose'
with="--method markov -k 2" talk 'heat' && [ "$(grep -c '^[1-9]\. ' out)" = 2 ] || die "-k: $(cat out)"
with="--user u3" talk '/history' && [ "$(wc -l <out)" = 6 ] || die "the history of u3: $(cat out)"
with="--json" talk 'heat' '/more' && [ "$(grep -c '^{"schema":1,"run":"r","method":"ease"' out)" = 2 ] && says '"history":[{"id":"i0","title":"Heat (1995)"}]' || die "--json: $(cat out)"

# what is wrong ends a pipe with its exit code
bad() { printf '%s\n' "$3" | "$LOREC" chat r >out 2>err; [ $? = "$1" ] && grep -qF -- "$2" err || { cat err; die "$3"; }; }
bad 2 'did you mean /why?' /wy
bad 2 'nothing was recommended yet' /why
bad 2 'is not in your history' '/forget Heat'
bad 2 'there is no method "nonsense"' '/method nonsense'
bad 3 'there is no model of sasrec' '/method sasrec'
fails 2 'there is no user "nobody"' chat r --user nobody </dev/null
fails 3 '' chat none </dev/null
fails 2 'RUN' chat </dev/null

# a language model: one that writes nothing of the catalogue has the list put behind; one that is not there is said once
for _ in $(seq 1 40); do echo "the cat sat on a mat and the dog ran to the hut by the sea"; done >corpus.txt
ok lm train-tokenizer corpus.txt --out tokenizer.json --size 280 --special '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' -q
ok lm train --init NEW --tokenizer tokenizer.json --corpus corpus.txt --out tiny --width 16 --layers 1 --heads 2 --context 900 --epochs 4 --batch 2 --lr 0.01 -q
with="--llm tiny?chat=chatml" talk 'heat' && says '1. "' && [ "$(wc -l <out)" -gt 7 ] || die "the model's words: $(cat out)"
with="--llm http://127.0.0.1:9/v1#m" talk 'heat' && says '1. "' && has err 'the language model'

# a terminal: a prompt, a backspace, the history of the last time; NO_COLOR leaves out what is bold
if script --version 2>/dev/null | grep -q util-linux; then
    quiet() { # until it says nothing any more for half a second, having said something
        local before=-1 now i
        for i in $(seq 60); do
            now=$(wc -c <out)
            [ "$now" = "$before" ] && [ "$now" != 0 ] && return
            before=$now
            sleep 0.5
        done
    }
    typed() { # NAME=VALUE of the environment, or keys that are struck one lot after the other
        local set=()
        while [[ ${1:-} == [A-Z]*=* ]]; do set+=("$1"); shift; done
        rm -f keys && mkfifo keys && : >out
        env XDG_STATE_HOME="$T/state" TERM=xterm "${set[@]}" timeout 60 script -qefc "'$LOREC' chat r" /dev/null <keys >out 2>err &
        local terminal=$!
        exec 7>keys
        for lot; do quiet; printf '%b' "$lot" >&7; done
        wait $terminal || die "the terminal's talk ended with $?: $(cat out)"
        exec 7>&-
    }
    typed 'heatx\0177\r' '/history\r' '\004' && says '"Heat (1995)"' && says '> ' && says "$(printf '\033[1mr')"
    [ "$(stat -c %a state/lorec/chat)" = 600 ] || die "the history is open to others"
    # Ctrl-C leaves a line, Tab completes a command, Ctrl-C where nothing was typed ends
    typed 'nothing of it\003' 'heat\r' '/his\t\r' '\003'
    grep -q '^"Heat (1995)"' out || die "the line after the one that was left: $(cat out)"
    lacks 'there is no /his' && lacks 'what others choose'
    [ "$(grep -c '^1\. ' out)" = 1 ] || die "the line that was left is answered: $(cat out)"
    typed NO_COLOR=1 '\033[A\033[A\r' '\004' && says '1. "' && lacks "$(printf '\033[1mr')"
else
    echo "script(1) is not here: the terminal was not tried"
fi
echo passed
