#!/usr/bin/env bash
# lorec data: import, show, sample, formats and get, with their exit codes and messages.
set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/lorec-cli-XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
expect() { # expect EXIT_CODE TEXT COMMAND...: the code, and the text on stdout or stderr
    local code=$1 text=$2
    shift 2
    "$@" >out 2>err
    local got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" out err; then
        echo "FAILED: $* -> $got (want $code, \"$text\")"
        cat out err
        failed=1
    fi
}
lorec=$LOREC_BIN

printf 'user_id,item_id,rating,timestamp\na,x,5,100\na,"y, the second",3,200\nb,x,4,150\n' >small.csv
expect 0 "2 users, 2 items, 3 interactions" "$lorec" data import small.csv
expect 0 '"interactions": 3' "$lorec" data show prepared/small --json
expect 0 "y, the second" "$lorec" data show prepared/small --user a
expect 0 "2 users, 2 items, 3 interactions" "$lorec" data show small.csv
expect 0 "removed by \"rating from 4\": 0 users, 1 items, 1 interactions" "$lorec" data import small.csv --min-rating 4 --out kept
expect 3 "leaves none of 3 interactions" "$lorec" data import small.csv --user-core 3
printf 'Customer,SKU,Stars,Order date,Product name\na,x,5,2024-05-03,"Tea, green"\nb,x,4,2024-05-04,Tea\n' >export.csv
printf 'customer,product,date,category\na,x,2024-05-03,Tea|Green\nb,y,2024-05-04,Coffee\n' >kinds.csv
expect 0 "known of items         category" "$lorec" data show kinds.csv
expect 0 "csv: user = Customer, item = SKU, rating = Stars, time = Order date, title = Product name" "$lorec" data show export.csv
expect 2 "no user has the id" "$lorec" data show small.csv --user nobody
expect 2 "did you mean \"csv\"" "$lorec" data import small.csv --format cvs
expect 3 "missing.csv" "$lorec" data import missing.csv
expect 2 "is there and is not a prepared data set" "$lorec" data import small.csv --out "$work"
expect 2 "PATH" "$lorec" data import

# the same content has the same sha256 wherever it lies and however it is compressed
mkdir elsewhere && gzip -c small.csv >elsewhere/other.csv.gz
one=$("$lorec" data show small.csv --json | grep -o '"sha256": "[0-9a-f]*"' | head -1)
two=$("$lorec" data show elsewhere/other.csv.gz --json | grep -o '"sha256": "[0-9a-f]*"' | head -1)
three=$("$lorec" data show prepared/small --json | grep -o '"sha256": "[0-9a-f]*"' | head -1)
[ "$one" = "$two" ] && [ "$one" = "$three" ] || { echo "FAILED: sha256 differs: $one $two $three"; failed=1; }

printf 'user_id,item_id,rating\na,x,5\na,y\nb,x,4\n' >bad.csv
expect 3 "bad.csv, line 3: 2 columns where 3 are needed" "$lorec" data import bad.csv
expect 0 "bad rows skipped       1" "$lorec" data import bad.csv --skip-bad-rows

expect 0 "60 users" "$lorec" data sample --users 60 --out books
expect 0 "60 users" "$lorec" data show books
expect 0 "recbole" "$lorec" data formats
expect 0 '"name": "pairs"' "$lorec" data formats --json

if [ "$(id -u)" != 0 ]; then
    mkdir locked && chmod a-w locked
    expect 4 "locked" "$lorec" data import small.csv --out locked/x
fi

# get: the terms first; then files from a mirror, here a folder
mkdir mirror
expect 2 "--accept-licence" "$lorec" data get ml-100k
expect 2 "did you mean \"ml-1m\"" "$lorec" data get ml-1mm --accept-licence
expect 2 "category" "$lorec" data get amazon-2018: --accept-licence
expect 2 "category" "$lorec" data get "amazon-2018:../x" --accept-licence
expect 1 "could not be fetched" "$lorec" data get ml-100k --accept-licence --mirror "file://$work/mirror"
[ ! -e raw/ml-100k ] || { echo "FAILED: a failed get left a folder"; failed=1; }
printf 'not the archive' >mirror/ml-100k.zip
expect 3 "sha256 is" "$lorec" data get ml-100k --accept-licence --mirror "file://$work/mirror"
printf '{"reviewerID": "a", "asin": "x", "overall": 5.0, "unixReviewTime": 1400000000}\n' | gzip >mirror/Tiny_5.json.gz
printf '{"asin": "x", "title": "A Tiny Thing", "price": "$1.50"}\n' | gzip >mirror/meta_Tiny.json.gz
expect 0 "next: lorec data import raw/amazon-2018-Tiny" "$lorec" data get amazon-2018:Tiny --accept-licence --mirror "file://$work/mirror"
expect 0 "A Tiny Thing" "$lorec" data show raw/amazon-2018-Tiny
expect 2 "is there already" "$lorec" data get amazon-2018:Tiny --accept-licence --mirror "file://$work/mirror"

exit $failed
