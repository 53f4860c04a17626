# One Soft-RoCE device on a dummy network device. (rdma_cm does not work over lo.)
ip link add eth-a type dummy
ip link set eth-a mtu 4200 up
ip addr add 10.77.0.1/24 dev eth-a
ip -6 addr add fd77::1/64 dev eth-a nodad
rdma link add rxe-a type rxe netdev eth-a

NETWORK_DEVICES=eth-a
GUEST_ENVIRONMENT=(
  SOFT_ROCE_DEVICES=rxe-a SOFT_ROCE_ADDRESSES=10.77.0.1 SOFT_ROCE_ADDRESSES_6=fd77::1
)
