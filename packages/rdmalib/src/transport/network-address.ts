/** Where a peer can be reached. Always host and port, even for providers whose native address is not an IP. */
export interface NetworkAddress {
  /** Name or IP address; empty where the transport has none (shm). */
  readonly host: string;
  /** 0 lets the system choose, where listening. */
  readonly port: number;
}
