#!/usr/bin/env bash
# `lorec completion`: the scripts are sourced and asked; what --help lists is in them.
. "$(dirname "$0")/support/lib.sh"
PATH=$(dirname "$LOREC"):$PATH
ok completion bash && cp out lorec.bash
ok completion zsh && cp out _lorec
ok completion fish && cp out lorec.fish
fails 2 'did you mean "bash"' completion bsh
fails 2 "bash, zsh or fish" completion
mkdir -p runs/first runs/second && touch ratings.csv "with blank.csv"

# --- bash: as readline calls it
cat >ask.bash <<'ASK'
source ./lorec.bash || exit 1
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMPREPLY=()
_lorec
printf '%s\n' "${COMPREPLY[@]}"
ASK
asked() { bash --norc ask.bash "$@" >said 2>complaint && [ ! -s complaint ] || { cat complaint; die "bash: $*"; }; }
gives() { grep -qxF -- "$1" said || { cat said; die "not completed: $1"; }; }
spares() { ! grep -qxF -- "$1" said || die "completed: $1"; }
asked lorec '' && gives data && gives run && gives lm && gives completion && spares import
asked lorec re && gives recommend && spares run
asked lorec data '' && gives import && gives show && spares run
asked lorec data import --f && gives --format && spares --out
asked lorec lm train --lo && gives --lora
asked lorec run ea && gives ease && spares sasrec
asked lorec run ease,sas && gives ease,sasrec
asked lorec run ease --data ra && gives ratings.csv
asked lorec run ease -d with && gives "with blank.csv"
asked lorec run sasrec --set sasrec.ep && gives sasrec.epochs=
asked lorec recommend runs/fi && gives runs/first
asked lorec recommend runs/first --method mark && gives markov
asked lorec lm embed --dtype '' && gives f32 && gives bf16
asked lorec compare runs/first runs/se && gives runs/second
asked lorec completion '' && gives fish
asked lorec recommend runs/first -k '' && [ "$(cat said)" = "" ] || die "a number was completed: $(cat said)"

# every command and every option of --help is known
names() { awk '/^commands:/{on=1; next} /^$/{on=0} on{print $1}'; }
n=0
look() { # WORDS...: of a command without subcommands
    for option in $("$LOREC" "$@" --help | awk '/^options:/{on=1; next} /^$/{on=0} on' | grep -oE '^ +(-[a-z], )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+'); do
        grep -qF -- "'$*') echo '" lorec.bash || die "no options of $*"
        grep -F -- "'$*') echo '" lorec.bash | grep -qE -- "[ ']$option[ ']" || die "$* $option is not in the script"
        n=$((n + 1))
    done
}
for c in $("$LOREC" --help | names); do
    subs=$("$LOREC" "$c" --help | names)
    [ -n "$subs" ] || look "$c"
    for s in $subs; do look "$c" "$s"; done
done
[ $n -gt 200 ] || die "only $n options were looked for"

# --- zsh and fish, where they are
if command -v zsh >/dev/null; then
    zsh -f -c 'autoload -Uz compinit; compinit -u -d ./dump; source ./_lorec; [[ $_comps[lorec] == _lorec ]] || exit 1
        what=; _lorec_value "run" --data; print -- $what; rows=(); _lorec_commands data; print -l -- $rows; print -l -- $_lorec_methods' \
        >said 2>complaint || { cat complaint; die "zsh"; }
    gives file && grep -q '^import:' said && grep -q '^sasrec:' said || die "zsh: $(head -3 said)"
else
    echo "zsh is not here: its script was only written"
fi
if command -v fish >/dev/null; then
    fished() { HOME=$T fish -N -c "source lorec.fish; complete -C '$1'" >said 2>complaint && [ ! -s complaint ] || { cat complaint; die "fish: $1"; }; }
    starts() { grep -q "^$1" said || { cat said; die "fish does not complete $1"; }; }
    fished 'lorec re' && starts recommend
    fished 'lorec data im' && starts import
    fished 'lorec run ease,sas' && starts ease,sasrec
    fished 'lorec lm train --lo' && starts --lora
    fished 'lorec run ease --data ra' && starts ratings.csv
    fished 'lorec lm embed --dtype ' && starts bf16
else
    echo "fish is not here: its script was only written"
fi
echo passed
