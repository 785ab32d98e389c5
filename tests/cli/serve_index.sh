#!/usr/bin/env bash
# A catalogue searched by an index of its vectors: the lists of scoring everything, replays, its file kept, spoiled and made again.
. "$(dirname "$0")/support/lib.sh"
. "$(dirname "$0")/support/server.sh"
ok run ials --data sample --out r --no-controls -q --fast --test-users 50 --set factors=16
ask() { # ask FILE: the lists of fifty people, one of a category, a long one, one after feedback
    rm -f "$1" "$1.ids"
    for u in $(seq -f reader%04g 1 50); do get "/api/recommend/$u?n=3" && is 200 && cat out >>"$1" && echo >>"$1"; grep -i '^x-request-id' head | tr -d '\r' | cut -d' ' -f2 >>"$1.ids"; done
    for path in "/api/recommend/reader0001?n=100" "/api/recommend/reader0002?n=3&category=$category"; do
        get "$path" && is 200 && cat out >>"$1" && echo >>"$1"
        grep -i '^x-request-id' head | tr -d '\r' | cut -d' ' -f2 >>"$1.ids"
    done
}
start r --store sqlite:a.db
get /api/popular?n=1 && item=$(sed 's/.*"Id":"\([^"]*\)".*/\1/' out)
get "/api/item/$item" && category=$(sed 's/.*"Categories":\["\([^"]*\)".*/\1/' out)
ask exact
stop
[ ! -e r/index ] || die "a small catalogue has an index"
start r --store sqlite:b.db --index-from 1
[ -s r/index/ials-1.hnsw ] || die "no index is kept: $(ls r)"
ask found
apart=$(diff exact found | grep -c '^>')
[ "$apart" -le 5 ] || die "$apart of 52 lists are others"
sleep 0.6
stop
same=0 searched=0
for id in $(sed -n '1~10p' found.ids) $(tail -2 found.ids); do
    ok why "$id" --store sqlite:b.db && says "the same, bit for bit" && same=$((same + 1))
    "$LOREC" why "$id" --store sqlite:b.db --json | tr -d ' ' >told
    grep -qE '"index":[1-9]' told && searched=$((searched + 1))
done
[ $same = 8 ] && [ $searched -ge 2 ] || die "$same replayed, $searched searched for: $(cat told)"
ok why "$(head -1 exact.ids)" --store sqlite:a.db && says "the same, bit for bit" # beside an index that it was not asked of

# the file is used again; one that was spoiled, or is of another model, is made again
before=$(stat -c %Y.%i r/index/ials-1.hnsw)
start r --store sqlite:b.db --index-from 1 && stop
[ "$(stat -c %Y.%i r/index/ials-1.hnsw)" = "$before" ] || die "the index was made again for nothing"
cp r/index/ials-1.hnsw good
printf 'X' | dd of=r/index/ials-1.hnsw bs=1 seek=5000 conv=notrunc 2>/dev/null
start r --store sqlite:b.db --index-from 1 && stop
cmp -s good r/index/ials-1.hnsw && grep -q "made again" server.err || die "a spoiled index stays: $(cat server.err)"
ok run ials --data sample --out other --no-controls -q --fast --test-users 50 --set factors=16 --seed 1 --set reg=0.1
cp good other/x && mkdir -p other/index && mv other/x other/index/ials-1.hnsw
start other --store sqlite:c.db --index-from 1
cmp -s good other/index/ials-1.hnsw && die "another model's index is used"
get "/api/recommend/reader0001?n=3" && is 200
stop
echo ok
