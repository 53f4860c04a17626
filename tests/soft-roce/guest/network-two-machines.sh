# One Soft-RoCE device on a cable to the other machine. SOFT_ROCE_ADDRESSES begins with the own address.
other=$((3 - MACHINE))
card=$(basename "$(dirname "$(grep -l "52:54:00:00:00:0$MACHINE" /sys/class/net/*/address)")")
ip link set "$card" down
ip link set "$card" name eth-a
ip link set eth-a up
ip addr add "10.77.0.$MACHINE/24" dev eth-a
ip -6 addr add "fd77::$MACHINE/64" dev eth-a nodad
rdma link add rxe-a type rxe netdev eth-a

NETWORK_DEVICES=eth-a
GUEST_ENVIRONMENT=(
  SOFT_ROCE_DEVICES=rxe-a
  "SOFT_ROCE_ADDRESSES=10.77.0.$MACHINE,10.77.0.$other"
  "SOFT_ROCE_ADDRESSES_6=fd77::$MACHINE,fd77::$other"
)
