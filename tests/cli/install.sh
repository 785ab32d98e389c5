#!/usr/bin/env bash
# An embedder's first hour: install into a fresh prefix, build the examples with pkg-config, run them; and what either library
# exports is the public headers' names and nothing else.
set -eu
build=$(dirname "$LOREC_BIN")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$build" --prefix "$tmp/usr" >/dev/null
lib=$(dirname "$(find "$tmp/usr" -name 'liblorec.so' | head -1)")
man=$tmp/usr/share/man/man1/lorec-serve.1
grep -q '^\.TH LOREC-SERVE 1' "$man" && grep -qF -e '\-\-rollback' "$man" || { echo "no man page of lorec serve"; exit 1; }
if command -v groff >/dev/null; then
    said=$(groff -man -Tutf8 -ww "$tmp"/usr/share/man/man1/*.1 2>&1 >/dev/null)
    [ -z "$said" ] || { echo "man pages: $said"; exit 1; }
fi
grep -q '^ExecStart=/.*/lorec serve' "$tmp/usr/lib/systemd/system/lorec.service" || { echo "no systemd unit"; exit 1; }
[ -L "$lib/liblorec.so" ] || { echo "liblorec.so is not a link to a versioned file"; exit 1; }
soname=$(objdump -p "$lib/liblorec.so" | awk '/SONAME/ {print $2}')
[ "$soname" = liblorec.so.0 ] || { echo "soname is '$soname'"; exit 1; }

sanitize=""
grep -q 'LOREC_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && sanitize="-fsanitize=address,undefined"
grep -ohE 'LOREC_API [a-z_0-9 ]+\*?lorec_[a-z_0-9]+\(' "$tmp"/usr/include/lorec/*.h | grep -oE 'lorec_[a-z_0-9]+\($' | tr -d '(' | sort >"$tmp/public"
[ "$(wc -l <"$tmp/public")" -gt 40 ] || { echo "the headers' names were not found"; exit 1; }
nm -D --defined-only "$lib/liblorec.so" | awk '{print $3}' | grep -vxE '_init|_fini' | sort >"$tmp/shared"
nm -g --defined-only "$lib/liblorec.a" | awk 'NF == 3 {print $3}' | sort >"$tmp/static" # every global name, hidden ones too
for kind in shared static; do
    diff "$tmp/public" "$tmp/$kind" || { echo "the names of the headers (<) and of the $kind library (>) differ"; exit 1; }
done

sed -i "s|^prefix=.*|prefix=$tmp/usr|" "$lib/pkgconfig/lorec.pc"
export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib"
flags=$(pkg-config --cflags --libs lorec)
for example in embed run lm; do ${CC:-cc} $sanitize "$LOREC_SOURCE_DIR/examples/$example.c" $flags -lm -o "$tmp/$example"; done
cd "$tmp"
# the archive, in a program that has a name of the library's own for itself
{ echo 'int recommender_new(void); int recommender_new(void) { return 7; }'; cat "$LOREC_SOURCE_DIR/examples/embed.c"; } >own.c
static=$(pkg-config --cflags --libs --static lorec | sed 's/-llorec/-l:liblorec.a/')
${CC:-cc} $sanitize own.c $static -o own && ./own | grep -qE '^[0-9]+ users' || { ./own; echo "the static library"; exit 1; }
./embed >out.txt
grep -qE '^[0-9]+ users, [0-9]+ items' out.txt
[ "$(grep -cE '^[1-5]\. .+ \(.+, -?[0-9.]+\)$' out.txt)" = 5 ] || { cat out.txt; exit 1; }

./run from-c >report.json 2>said.txt || { tail -3 said.txt; exit 1; }
grep -q '"method":"markov"' report.json && grep -q '"role":"control"' report.json && [ -f from-c/lists.tsv ]
"$LOREC_BIN" compare from-c >/dev/null 2>&1 || { echo "a run from C is no run"; exit 1; }

. "$LOREC_SOURCE_DIR/tests/cli/support/unigram.sh"
unigram m # what follows is always b with probability e^-.5237, a with e^-1.5237
./lm m cab b ab >out.txt
grep -q '^-0\.5237  59\.2%  b$' out.txt && grep -q '^-2\.0475  12\.9%  ab$' out.txt && grep -q '^bbbb$' out.txt &&
    grep -q '^4 tokens, log probability -2\.0950, ended by length$' out.txt || { cat out.txt; exit 1; }
echo "installed, linked; a list, a run and a language model from C"
