#!/bin/sh
# The part of try-fresh.sh that runs in the bare system, where nothing but git, Node and npm is installed.
#   sh try-fresh-inside.sh yes|no       (whether to run `npm test` as well)
set -eu
now() { date +%s.%N; }
since() { echo "$(now) $1" | awk '{ printf "%.1f", $1 - $2 }'; }
say() { printf 'fresh: %s\n' "$*"; }

# Starts Lanner, reads a file that a rule watches until its alert is printed, stops Lanner; prints the times.
start_once() {
	# Its own port: the host's network is shared, and Lanner may run there too.
	: >/srv/start.log
	npm start -- --json --listen 127.0.0.1:27470 >/srv/start.log 2>&1 &
	pid=$!
	reads=0
	until grep -q '"rule":' /srv/start.log; do
		kill -0 "$pid" 2>/dev/null || {
			tail -n 30 /srv/start.log
			echo 'fresh: npm start ended before the first alert' >&2
			exit 1
		}
		reads=$((reads + 1))
		[ "$reads" -lt 6000 ] || {
			tail -n 30 /srv/start.log
			echo 'fresh: no alert within ten minutes' >&2
			exit 1
		}
		cat /etc/shadow >/dev/null || : # replaced while a package adds its user
		sleep 0.1
	done
	say "$1 $(since "$2") s: $(grep -m 1 -o '"rule":"[^"]*"' /srv/start.log)"
	stopping=$(now)
	# Not SIGINT: a shell without a terminal has its background processes ignore that.
	kill -TERM "$pid"
	wait "$pid" || :
	say "stopped in $(since "$stopping") s"
}

# shellcheck disable=SC1091 # not there when this is checked
. /etc/os-release
say "$PRETTY_NAME, Node $(node --version), npm $(npm --version), $(dpkg-query -W | wc -l) Debian packages"
begun=$(now)
git clone -q /srv/lanner.git /srv/lanner
cd /srv/lanner
start_once 'clone to first alert' "$begun"
start_once 'second start to first alert' "$(now)"

[ "$1" = yes ] || exit 0
begun=$(now)
code=0
npm test || code=$?
say "npm test took $(since "$begun") s and ended with $code"
exit "$code"
