# Two Soft-RoCE devices at the ends of a veth pair. Both addresses are this machine's own, and the kernel would short-cut
# between them: rules send what goes from one to the other out of its device. A client must bind its source address.
a4=10.77.0.1 b4=10.77.0.2 a6=fd77::1 b6=fd77::2
ip link add eth-a type veth peer name eth-b
for device in eth-a eth-b; do
  ip link set "$device" mtu 4200 up
  echo 0 >"/proc/sys/net/ipv4/conf/$device/rp_filter"
  echo 1 >"/proc/sys/net/ipv4/conf/$device/accept_local"
done
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
ip addr add "$a4/24" dev eth-a
ip addr add "$b4/24" dev eth-b
ip -6 addr add "$a6/64" dev eth-a nodad
ip -6 addr add "$b6/64" dev eth-b nodad
mac_a=$(cat /sys/class/net/eth-a/address) mac_b=$(cat /sys/class/net/eth-b/address)

# family, address of a, address of b, prefix length of one address
cross() {
  ip "$1" neigh replace "$3" lladdr "$mac_b" dev eth-a nud permanent
  ip "$1" neigh replace "$2" lladdr "$mac_a" dev eth-b nud permanent
  ip "$1" route add "$3/$4" dev eth-a src "$2" table 101
  ip "$1" route add "$2/$4" dev eth-b src "$3" table 102
  ip "$1" rule add pref 10 iif eth-a lookup local
  ip "$1" rule add pref 11 iif eth-b lookup local
  ip "$1" rule add pref 20 from "$2" to "$3" lookup 101
  ip "$1" rule add pref 21 from "$3" to "$2" lookup 102
  ip "$1" rule add pref 100 lookup local
  ip "$1" rule del pref 0
}
cross -4 "$a4" "$b4" 32
cross -6 "$a6" "$b6" 128

rdma link add rxe-a type rxe netdev eth-a
rdma link add rxe-b type rxe netdev eth-b

NETWORK_DEVICES='eth-a eth-b'
GUEST_ENVIRONMENT=(
  SOFT_ROCE_DEVICES=rxe-a,rxe-b "SOFT_ROCE_ADDRESSES=$a4,$b4" "SOFT_ROCE_ADDRESSES_6=$a6,$b6"
)
