#!/usr/bin/env bash
# A config file in RecBole's words is used as it is; the command line wins over it, it over the defaults.
. "$(dirname "$0")/support/lib.sh"
shop >shop.csv
cat >c.yaml <<'Y'
model: Markov
dataset: shop.csv
seed: 3
eval_args:
  split: {'RS': [0.6, 0.2, 0.2]}
  order: RO
  group_by: user
  mode: full
metrics: ['Recall', 'NDCG']
topk: [5, 2]
valid_metric: NDCG@5
val_interval:
  rating: "[2,inf)"
user_inter_num_interval: "[2,inf)"
gpu_id: 0
smoothing: 4
Y
ok run --config c.yaml --out a --no-controls --json
says '"recall@5"' && says '"recall@2"' && says '"ndcg@5"' && says '"seed": 3' && says '"smoothing": 4.0'
says '"split": "ratio-user-random-0.6-0.2-0.2-s42"'
has "$T/err" '"gpu_id" means nothing here'
has a/config.json '"min_rating": 2.0' && has a/config.json '"user_core": 2' && has a/config.json '"valid_metric": "NDCG@5"'

ok run --config c.yaml --out b --no-controls --json --set smoothing=7 --topk 3 --seed 1 --split loo
says '"recall@3"' && says '"smoothing": 7.0' && says '"seed": 1' && says '"split": "loo"' && lacks '"recall@5"'

# the resolved settings repeat the run
ok run --config a/config.json --out again --json
grep -v '_s"\|rss_mib\|"run"' a/result.json >x && grep -v '_s"\|rss_mib\|"run"' again/result.json >y
cmp -s x y || die "config.json does not repeat the run: $(diff x y | head)"

# threshold: which ratings are liked, for the metrics and for what learns from them
printf 'model: lr\ndataset: shop.csv\nmetrics: [AUC]\nthreshold: {rating: 3}\n' >t.yaml
ok run --config t.yaml --split ratio-random:6:2:2 --fast --out t --no-controls --json
says '"positive_rating": 3.0' && has t/models/lr-1/recommender.json '"positive_rating": 3.0'
printf 'model: lr\ndataset: shop.csv\nthreshold: 3\n' >t.yaml
fails 2 'threshold has to be a mapping' run --config t.yaml

# pop@5 draws by popularity as RecBole's pop100 does: every target is among its candidates, whatever the method "pop" would say
ok run markov --data shop.csv --eval pop@5 --out p --no-controls && [ ! -e p/slates.tsv ] || die "pop@5 was taken for lists of the method pop"
ok run markov --data shop.csv --eval recent-pop@5 --out q --no-controls && [ -s q/slates.tsv ] || die "recent-pop@5 is what a method retrieves"

# LS, order TO: leave one out; uni100: sampled candidates; a mapping for one method
printf 'model: pop\ndataset: shop.csv\neval_args: {split: {LS: valid_and_test}, order: TO, mode: uni5}\n' >ls.yaml
ok run --config ls.yaml --out c --no-controls --json && says '"candidates": "uniform@5"' && says '"split": "loo"'
printf 'markov: {smoothing: 2}\nepochs: 3\n' >m.yaml
ok run pop --data shop.csv --config m.yaml --out d --json && says '"smoothing": 2.0'

# yes/no metrics: the control is the model of clicks, and no list is asked for
ok run fm --data shop.csv --metrics auc,logloss --split ratio-random:6:2:2 --set epochs=2 --set lr.epochs=2 --out clicks --json
says '"auc"' && says '"method": "lr"' && lacks '"method": "pop"' && lacks '"ndcg'

bad() { printf '%b\n' "$1" >bad.yaml; fails "$2" "$3" run pop --data shop.csv --config bad.yaml --out never; }
bad 'vaild_metric: ndcg@10' 2 'did you mean "valid_metric"'
bad 'eval_arg: {}' 2 'did you mean "eval_args"'
bad 'eval_args: {splt: {}}' 2 'did you mean "split"'
bad 'eval_args: {mode: all}' 2 'full, uniN or popN'
bad 'eval_args: {split: {LS: test_only}}' 2 'valid_and_test'
bad 'eval_args: {split: {LS: valid_and_test}, order: RO}' 2 'order TO'
bad 'val_interval: {rating: "3..5"}' 2 'is no interval'
bad 'markov: {smoothin: 1}' 2 'did you mean "smoothing"'
bad 'markov: 3' 2 'has to be a mapping'
bad 'topk: {a: 1}' 2 'single value'
bad '- pop' 3 'mapping of settings'
bad 'a: [1' 3 'bad.yaml'
[ ! -e never ] || die "a wrong config left a folder"
echo passed
