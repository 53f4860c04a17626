/**
 * Where leases go among the nodes that have room.
 *
 * - `pack`: where the fewest cores are left over, so that large leases find room elsewhere, and nodes without free GPUs first.
 *   A lease that needs several nodes takes the emptiest ones first, so that it has few, and the fullest that holds the rest.
 * - `spread`: on the nodes with the most free cores.
 * - `random`: on any node with room, each as likely as the next.
 * - `locality`: as `pack`, and a lease that no single node holds gets nodes with the same value of a label if the emptiest
 *   such domain has room for it: in the tightest of a few that have. Otherwise it is split over the emptiest domains.
 */
export type PlacementPolicy =
  { readonly kind: 'pack' | 'spread' | 'random' } | { readonly kind: 'locality'; readonly label: string };
