#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the guest: starts the agent, does what its rules wait for, and prints what came of it on the
# console between marks. Everything else on the console is the kernel's.
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ NODE_OPTIONS=--disable-warning=ExperimentalWarning
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t securityfs security /sys/kernel/security
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tracefs tracing /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
hostname guest
echo 1 >/proc/sys/kernel/bpf_stats_enabled
mkdir -p /tmp/stimulus/folder

cd /lanner || exit
node lanner.ts agent --json --rules /rules.yaml --playbooks /playbooks.yaml --data /tmp/data >>/tmp/alerts 2>>/tmp/said &
agent=$!
waited=0
until grep -q watching /tmp/said || [ ! -d /proc/$agent ] || [ $waited -ge 90 ]; do
	sleep 1
	waited=$((waited + 1))
done
if [ -d /proc/$agent ]; then
	cd /tmp/stimulus || exit
	entry=
	grep -q ia32_emulation=0 /proc/cmdline && entry=none
	calls $entry >/tmp/calls 2>&1
	echo "calls ended with $?" >>/tmp/said
	cat /tmp/calls >>/tmp/said
	uring files >/tmp/calls 2>&1
	echo "uring ended with $?" >>/tmp/said
	cat /tmp/calls >>/tmp/said
	for name in unmarked marked denied; do
		/bin/$name /tmp/left-by-$name
		ended=$?
		left=no
		[ -e /tmp/left-by-$name ] && left=a
		echo "$name ended with $ended, left $left mark" >>/tmp/said
	done
	if grep -q churn /proc/cmdline; then
		churn 4 25 /bin/churned
		echo "churn ended with $?" >>/tmp/said
	fi
	/bin/mark
	waited=0
	until grep -q '"rule":"mark"' /tmp/alerts || [ $waited -ge 60 ]; do
		sleep 1
		waited=$((waited + 1))
	done
	sleep 1
	# Too many to print: how many they are, and of how many.
	for what in fork exec exit; do
		grep "\"rule\":\"churned $what\"" /tmp/alerts >/tmp/churned
		sed 's/.*Informational of \([^ "]*\).*/\1/' /tmp/churned | sort -u >/tmp/each
		echo "churned: $(wc -l </tmp/churned) of $what, $(wc -l </tmp/each) of them different" >>/tmp/said
	done
	grep -v '"rule":"churned' /tmp/alerts >/tmp/others
	mv /tmp/others /tmp/alerts
	programs >/tmp/programs
	(cd /lanner && node lanner.ts doctor | grep '^ways to see') >>/tmp/said
	kill $agent
fi
wait $agent
echo "the agent ended with $?" >>/tmp/said
wishes=deny
grep -q churn /proc/cmdline && wishes='deny seconded'
# shellcheck disable=SC2086 # two words
[ ! -s /tmp/programs ] || node /load.mjs /elsewhere.o $wishes >/tmp/loaded 2>&1
sed 's/^/compiled elsewhere, /' /tmp/loaded >>/tmp/said
touch /tmp/programs
echo
for part in alerts programs said; do
	echo "@@ $part"
	cat /tmp/$part
done
echo '@@ end'
sleep 1 # the console is slower than the power
poweroff -f
