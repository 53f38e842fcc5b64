#!/bin/sh
# First start of a container: founds the province, or joins with the token the parent left; then serves. The parent
# invites its child once it serves. Tokens are single-use and the volume is this compose file's own.
set -eu
D=/var/lib/gongshi
listen="--listen 0.0.0.0:4701 --announce $SELF --portal 0.0.0.0:4780 --console 127.0.0.1:4790"

if [ ! -e "$D/gongshi.toml" ]; then
  if [ "$LEVEL" = province ]; then
    # shellcheck disable=SC2086
    gongshi init --data "$D" --level "$LEVEL" --code "$CODE" --name "$NAME" $listen
  else
    while [ ! -s "/tokens/$CODE" ]; do sleep 1; done
    # shellcheck disable=SC2086
    gongshi join "@/tokens/$CODE" --data "$D" $listen
    rm -f "/tokens/$CODE"
  fi
fi

if [ -n "$CHILD" ] && [ ! -e "$D/invited" ]; then
  (
    set -- $CHILD
    until gongshi status --check --data "$D" >/dev/null; do sleep 1; done
    gongshi invite --auto --data "$D" --level "$1" --code "$2" --name "$3" --json |
      sed -n 's/.*"token":"\([^"]*\)".*/\1/p' >"/tokens/$2.new"
    mv "/tokens/$2.new" "/tokens/$2"
    touch "$D/invited"
  ) &
fi

exec gongshi serve --data "$D"
