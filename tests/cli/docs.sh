#!/usr/bin/env bash
# docs/commands.md is what the program says.
. "$(dirname "$0")/support/lib.sh"
"$SOURCE/scripts/commands-doc" "$LOREC" >now.md || die "scripts/commands-doc failed"
diff "$SOURCE/docs/commands.md" now.md >"$T/out" || { head -20 "$T/out"; die "run scripts/commands-doc build/lorec > docs/commands.md"; }
[ "$(grep -c '^## lorec' now.md)" -ge 8 ] || die "commands are missing"
# no line is too wide for a terminal
awk 'length($0) > 124 {print "too wide: " $0; bad=1} END {exit bad}' now.md || die "lines are too wide"
echo passed
