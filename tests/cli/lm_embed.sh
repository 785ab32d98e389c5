#!/usr/bin/env bash
# lorec lm embed: words and their errors; a real architecture's fixture, where ../shared is, from ids to a .npy.
. "$(dirname "$0")/support/lib.sh"

fails 2 "--model M is needed" lm embed --out "$T/x.npy" </dev/null
fails 2 "f32 or bf16" lm embed --model "$T" --dtype f64 --out "$T/x.npy" </dev/null
fails 2 "yes, no or model" lm embed --model "$T" --normalize maybe --out "$T/x.npy" </dev/null
fails 3 "" lm embed --model "$T/nowhere" --out "$T/x.npy" </dev/null
[ ! -e "$T/x.npy" ] || die "a failed run left a file"

model=$LOREC_SOURCE_DIR/../shared/oracle/bert
if [ ! -e "$model/config.json" ]; then
    echo "skipped: embedding with ../shared/oracle/bert"
    exit 0
fi
printf '5 6 7\n\n8\n' >"$T/ids"
ok lm embed --model "$model" --ids --out "$T/x.npy" <"$T/ids"
"$LOREC_BIN" lm embed --model "$model" --ids <"$T/ids" 2>/dev/null | cmp - "$T/x.npy" || die "stdout and --out differ"
grep -aq "'shape': (3, 80,)" "$T/x.npy" || die "not 3 vectors of 80"
[ "$(wc -c <"$T/x.npy")" = $((128 + 3 * 80 * 4)) ] || die "not as many bytes as 3 x 80 floats and a header"
ok lm embed --model "$model" --ids --threads 1 --out "$T/y.npy" <"$T/ids"
cmp "$T/x.npy" "$T/y.npy" || die "one thread gives other vectors"
fails 3 "not a token id" lm embed --model "$model" --ids --out "$T/z.npy" <<<"5 x"
fails 3 "without it" lm embed --model "$model" --out "$T/z.npy" <<<"text"
fails 2 "not --ids" lm embed --model "$model" --ids --cache "$T/c" --out "$T/z.npy" </dev/null
