# Runs in the host's files: sets the mode's network up, runs the command, leaves its exit status.
exchange=/run/soft-roce/exchange
. "$exchange/settings"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
chmod 1777 /run/soft-roce/tmp
ulimit -l unlimited
ulimit -n 65536
# udev is not here to make the device nodes' folder readable; the nodes have their modes from the kernel.
chmod 755 /dev/infiniband 2>/dev/null
ln -sf /proc/self/fd /dev/fd
# Addresses are to be there at once: a device's table of them must not change under the first connections.
for each in all default; do echo 0 >"/proc/sys/net/ipv6/conf/$each/accept_dad"; done
ip link set lo up
# rxe works in softirqs. A thread that spins on a queue would keep ksoftirqd waiting for up to 4 ms.
for thread in $(pgrep ksoftirqd); do chrt -f -p 1 "$thread"; done

. "$exchange/network-$MODE.sh"

if [ -n "$NETEM" ]; then
  for device in $NETWORK_DEVICES; do
    # shellcheck disable=SC2086 # parameters are words
    tc qdisc add dev "$device" root netem $NETEM || echo "netem refused: $NETEM" >>"$exchange/stderr"
  done
fi

mapfile -d '' -t command <"$exchange/command"
mapfile -d '' -t environment <"$exchange/environment"
environment+=(
  HOME=/root TMPDIR=/run/soft-roce/tmp
  "SOFT_ROCE_MODE=$MODE" "SOFT_ROCE_MACHINE=$MACHINE" "SOFT_ROCE_RUN=$RUN" SOFT_ROCE_SHARED=/run/soft-roce/shared
  "${GUEST_ENVIRONMENT[@]}"
)
cd "$DIRECTORY" || exit 1
env -i "${environment[@]}" "${command[@]}" >>"$exchange/stdout" 2>>"$exchange/stderr"
echo $? >"$exchange/status.new"
mv "$exchange/status.new" "$exchange/status"
