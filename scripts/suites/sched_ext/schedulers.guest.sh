# shellcheck shell=sh disable=SC2154,SC2086  # the job of schedulers.sh, which sets $schedulers and HOTPLUG
# Each scheduler has to come up under its own name, stay through the load, and end
# when told to: with status 0, "unregistered from user space", and sched_ext off.
scx=/sys/kernel/sched_ext
cd /opt/sched_ext || exit

until_state() { # STATE SECONDS
	left=$(($2 * 10))
	while [ "$(cat $scx/state)" != "$1" ]; do
		[ $((left -= 1)) -gt 0 ] || return 1
		usleep 100000
	done
}

# More tasks than CPUs that never sleep, some that do, short ones, and the busy ones'
# affinities change all the time.
load() {
	loads=''
	for i in $(seq $(($(nproc) + 2))); do
		while :; do :; done >/dev/null &
		loads="$loads $!"
	done
	busy=$loads
	yes | cat >/dev/null &
	loads="$loads $!"
	(
		while :; do
			for task in $busy; do
				taskset -p "$(printf %x $((1 << i % $(nproc) | 1 << i * 3 % $(nproc))))" "$task" >/dev/null
				i=$((i + 1))
			done
			usleep 100000
		done
	) >/dev/null &
	loads="$loads $!"
}
unload() {
	kill -9 $loads
	killall -9 yes
	wait $loads
} 2>/dev/null

plug() {
	for cpu in $(seq $(($(nproc) - 1))); do
		echo 0 >/sys/devices/system/cpu/cpu"$cpu"/online || return
		sleep 1
		echo 1 >/sys/devices/system/cpu/cpu"$cpu"/online || return
		until_state enabled 30 || return
	done
}

try() { # SCHEDULER: the complaint, if there is one
	if ! until_state enabled 30; then
		echo "it did not come up"
		return
	fi
	ops=$(cat $scx/root/ops)
	[ "$ops" = "${1#scx_}" ] || echo "what came up calls itself '$ops'"
	load
	sleep 3
	if [ "$HOTPLUG" ]; then
		plug || echo "it did not survive CPU $cpu going off and on"
		sleep 1
	fi
	[ "$(cat $scx/state)" = enabled ] || echo "it has gone by itself"
	unload
	kill -TERM "$pid" 2>/dev/null
}

for s in $schedulers; do echo "LIST $s"; done
for s in $schedulers; do
	log=/tmp/$s.log
	"./$s" >"$log" 2>&1 &
	pid=$!
	why=$(try "$s")
	(
		sleep 30
		kill -9 $pid
	) 2>/dev/null &
	reaper=$!
	wait $pid
	rc=$?
	kill $reaper
	[ "$rc" = 0 ] || why="$why; it ended with status $rc"
	grep -q '^EXIT: unregistered from user space' "$log" || why="$why; it does not say that it was unregistered"
	until_state disabled 10 || why="$why; sched_ext is still $(cat $scx/state)"
	if [ "$why" ]; then
		echo "FAIL $s"
		echo "${why#; }" | sed 's/^/     | /'
		tail -n 15 "$log" | sed 's/^/     | /'
	else
		echo "ok $s"
	fi
done
