#!/usr/bin/env bash
# An embedder's first hour: install into a fresh prefix, build examples/embed.c with pkg-config, run it; and what the shared
# library exports is the public header's names and nothing else.
set -eu
build=$(dirname "$LOREC_BIN")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$build" --prefix "$tmp/usr" >/dev/null
lib=$(dirname "$(find "$tmp/usr" -name 'liblorec.so' | head -1)")
[ -L "$lib/liblorec.so" ] || { echo "liblorec.so is not a link to a versioned file"; exit 1; }
soname=$(objdump -p "$lib/liblorec.so" | awk '/SONAME/ {print $2}')
[ "$soname" = liblorec.so.0 ] || { echo "soname is '$soname'"; exit 1; }

foreign=$(nm -D --defined-only "$lib/liblorec.so" | awk '{print $3}' | grep -vE '^lorec_|^_init$|^_fini$' || true)
[ -z "$foreign" ] || { echo "exported beside lorec_*:" $foreign; exit 1; }
for name in $(grep -ohE 'LOREC_API [a-z_0-9 ]+\*?(lorec_[a-z_0-9]+)\(' "$LOREC_SOURCE_DIR"/include/lorec/*.h | grep -oE 'lorec_[a-z_0-9]+\($' | tr -d '('); do
    nm -D --defined-only "$lib/liblorec.so" | grep -qE " $name\$" || { echo "$name is in the header but not in the library"; exit 1; }
done

sed -i "s|^prefix=.*|prefix=$tmp/usr|" "$lib/pkgconfig/lorec.pc"
export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib"
sanitize=""
grep -q 'LOREC_SANITIZE:BOOL=ON' "$build/CMakeCache.txt" && sanitize="-fsanitize=address,undefined"
${CC:-cc} $sanitize "$LOREC_SOURCE_DIR/examples/embed.c" $(pkg-config --cflags --libs lorec) -o "$tmp/embed"
cd "$tmp"
./embed >out.txt
grep -qE '^[0-9]+ users, [0-9]+ items' out.txt
[ "$(grep -cE '^[1-5]\. .+ \(.+, -?[0-9.]+\)$' out.txt)" = 5 ] || { cat out.txt; exit 1; }
echo "installed, linked, five titles recommended"
