#!/usr/bin/env bash
# The house (docs/design.md): a floor includes only itself and floors below; no file is over 800 lines; no OpenMP
# pragma starts a second team beside base/pool; nothing above tensor/ opens tensor/op.h.
set -u
cd "$1"
bad=0
complain() { echo "$*"; bad=1; }
floor() {
    case $1 in
    base) echo 1 ;; tensor) echo 2 ;; data | text) echo 3 ;; lm) echo 4 ;; rec | retrieve | learn) echo 5 ;;
    eval | store) echo 6 ;; recipes) echo 7 ;; methods) echo 8 ;; runs) echo 9 ;;
    serve | api) echo 10 ;; cli) echo 11 ;; lorec) echo 0 ;; *) echo 99 ;;
    esac
}
while IFS=: read -r file line text; do
    from=${file#src/}; from=${from%%/*}
    to=${text#*\"}; to=${to%%/*}
    f=$(floor "$from"); t=$(floor "$to")
    [ "$f" = 99 ] && complain "$file: the folder src/$from is on no floor"
    [ "$t" = 99 ] && complain "$file:$line: \"$to/\" is on no floor"
    [ "$t" -gt "$f" ] && complain "$file:$line: floor $f ($from) includes floor $t ($to)"
done < <(grep -rnE '^#include "[^"]+/' src --include='*.c' --include='*.h')
while IFS=: read -r file line _; do
    complain "$file:$line: an OpenMP pragma; base/threads shares work out"
done < <(grep -rnE '^ *# *pragma +omp' src | grep -v 'omp simd')
while IFS=: read -r file line _; do
    case $file in src/tensor/*) ;; *) complain "$file:$line: tensor/op.h is the inside of tensor/" ;; esac
done < <(grep -rnE '^#include "tensor/op\.h"' src)
while read -r n file; do
    [ "$n" -gt 800 ] && complain "$file: $n lines; over 800 wants to be two subjects"
done < <(find src tests bench include -name '*.[ch]' -exec wc -l {} + | grep -v ' total$')
checked=$(grep -rlE '^#include' src | wc -l)
[ "$checked" -gt 20 ] || complain "only $checked files were looked at: is $PWD the source tree?"
[ $bad = 0 ] && echo "layers: $checked files, every arrow points down"
exit $bad
