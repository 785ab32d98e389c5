#!/usr/bin/env bash
# Several seeds: what the seed changes and what it does not; a method without chance is fitted once.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv

ok run ease,bpr --data shop.csv --seed 1,2,3 --set bpr.epochs=3 --out three
has "$T/err" "ease, seed 2: as with seed 1"
ok run ease,bpr --data shop.csv --seed 2 --set bpr.epochs=3 --out two -q
for file in per_user.tsv lists.tsv; do # a seed of several is the seed alone
    cmp three/results/ease-2/$file two/results/ease-2/$file || die "ease, seed 2: $file"
    cmp three/results/bpr-2/$file two/results/bpr-2/$file || die "bpr, seed 2: $file"
done
! cmp -s three/results/bpr-1/lists.tsv three/results/bpr-2/lists.tsv || die "bpr's seeds are alike"
has three/results/ease-3/result.json '"same_as_seed": 1'
! grep -q same_as_seed three/results/ease-1/result.json three/results/bpr-3/result.json || die "who was fitted says it was not"
ok recommend three --method ease --seed 3 --user u1 && cp "$T/out" of3
ok recommend two --method ease --seed 2 --user u1 && cmp "$T/out" of3 || die "the model of seed 3"

# other options: everything again, and the first seed's model is not written through a link
ok run ease,bpr --data shop.csv --seed 2,3 --set bpr.epochs=3 --set ease.l2=7 --out three --resume -q
has three/results/ease-2/result.json '"l2": 7'
has three/results/ease-3/result.json '"same_as_seed": 2'
has three/results/ease-1/result.json '"l2": 500'
ok recommend three --method ease --seed 1 --user u1 && cmp "$T/out" of3 || die "seed 1 has another model"
ok recommend three --method ease --seed 3 --user u1 && ! cmp -s "$T/out" of3 || die "seed 3 has the old model"
echo passed
