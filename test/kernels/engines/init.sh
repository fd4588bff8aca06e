#!/bin/busybox sh
# shellcheck shell=dash
# The first process of a guest with container engines: mounts what a host with systemd has, cgroup v2 alone, and becomes systemd.
/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin
# Runtimes give a container its root with pivot_root, which the kernel refuses in the file system of its start itself.
mkdir /root/host
mount --bind / /root/host
cd /root/host || exit
mount -t proc proc proc
mount -t sysfs sys sys
mount -t tracefs tracing sys/kernel/tracing
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t devtmpfs dev dev
mkdir dev/pts dev/shm
mount -t devpts pts dev/pts
for folder in dev/shm tmp run var; do mount -t tmpfs tmp "$folder"; done
mkdir -p var/lib var/tmp
ln -s /run var/run
hostname guest
mount --move . /
exec chroot . /lib/systemd/systemd --log-level=warning
