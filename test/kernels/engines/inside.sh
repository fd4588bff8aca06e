#!/bin/busybox sh
# shellcheck shell=dash
# What the guest with container engines does: starts the agent, then a program in a container of each engine, has one container
# killed, and prints what came of it, as init.sh of the other guests does.
export PATH=/bin HOME=/root NODE_OPTIONS=--disable-warning=ExperimentalWarning
say() { echo "$*" >>/tmp/said; }
# until_true SECONDS COMMAND…
until_true() {
	left=$1
	shift
	until "$@" >/dev/null 2>&1 || [ "$left" -le 0 ]; do
		sleep 1
		left=$((left - 1))
	done
}
mark() { echo "/bin/busybox sh -c true mark-$1"; }

ip link set lo up
say "cgroups of the first process: $(cat /proc/1/cgroup)"
say "hierarchies: $(grep -c cgroup /proc/mounts)"
containerd >/tmp/containerd.log 2>&1 &
dockerd --containerd=/run/containerd/containerd.sock --bridge=none --iptables=false -s vfs >/tmp/dockerd.log 2>&1 &
podman() { command podman --storage-driver=vfs "$@"; }
podman import -q /image.tar localhost/guest:1
until_true 60 docker version
docker import /image.tar guest:1
docker save -o /tmp/saved.tar guest:1
ctr image import --snapshotter native /tmp/saved.tar
say "docker's driver of groups: $(docker info --format '{{.CgroupDriver}} {{.CgroupVersion}}')"

cd /lanner || exit
node lanner.ts agent --json --rules /rules.yaml --playbooks /playbooks.yaml --data /tmp/data >>/tmp/alerts 2>>/tmp/agent.log &
agent=$!
until_true 60 grep -q watching /tmp/agent.log

# The words of a mark are several arguments.
# shellcheck disable=SC2046
run_all() {
	set -- --rm --network none -v /etc:/host:ro
	podman run "$@" --name in-podman localhost/guest:1 $(mark podman)
	podman --cgroup-manager=cgroupfs --runtime=runc run "$@" --name in-cgroupfs localhost/guest:1 $(mark cgroupfs)
	docker run "$@" --name in-docker guest:1 $(mark docker)
	ctr run --rm --snapshotter native docker.io/library/guest:1 in-ctr $(mark ctr)
	mkdir -p /tmp/tree /tmp/lxc/in-lxc
	tar -xf /image.tar -C /tmp/tree
	printf '%s\n' 'lxc.rootfs.path = dir:/tmp/tree' 'lxc.rootfs.mount = /mnt' 'lxc.net.0.type = empty' >/tmp/lxc/in-lxc/config
	lxc-start -F -P /tmp/lxc -n in-lxc -- $(mark lxc)
	systemd-nspawn -q --register=no -D /tmp/tree -M in-nspawn $(mark nspawn)
	/lib/systemd/systemd-machined &
	# It is not on the bus at once, and nspawn starts nothing without it.
	until_true 20 systemd-nspawn -q -D /tmp/tree -M in-machined $(mark machined)
}
# Each child of it is a session of its own: nobody but the group holds them together.
has_ended() { [ "$(docker inspect --format '{{.State.Running}}' victim)" = false ]; }
kill_one() {
	docker run -d --network none --name victim guest:1 /bin/busybox sh -c 'for each in 1 2 3; do setsid sleep 600 & done; sleep 600'
	group=/sys/fs/cgroup/system.slice/docker-$(docker inspect --format '{{.Id}}' victim).scope
	say "victim's processes: $(wc -l <"$group/cgroup.procs")"
	docker exec victim /bin/busybox sh -c true kill-me
	until_true 20 [ ! -e "$group" ]
	# The engine notes it a moment after its group is gone.
	until_true 20 has_ended
	say "victim: $(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' victim)"
	until_true 20 grep -q outcome /tmp/data/receipts.jsonl
	say "receipts: $(cat /tmp/data/receipts.jsonl)"
}
run_all
kill_one
sleep 1
kill $agent
wait $agent
say "the agent ended with $?"
say "the agent said: $(cat /tmp/agent.log)"
echo
for part in alerts programs said; do
	echo "@@ $part"
	[ -e /tmp/$part ] && cat /tmp/$part
done
echo '@@ end'
sleep 1 # the console is slower than the power
poweroff -f
