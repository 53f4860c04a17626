/** What every peer is asked for: the payload back. */
export interface PeerConnection extends AsyncDisposable {
  /** Sends the payload and resolves to what came back. */
  echo(payload: Uint8Array): Promise<Uint8Array>;
}

/** Another way to have something done elsewhere, in its best documented settings. */
export interface Peer {
  readonly name: string;
  /** The library and how it is set up, for the report. */
  readonly settings: string;
  /** The npm packages that it is made of. */
  readonly packages: readonly string[];
  /** Starts its server on `processor` and connects. Throws Error where something that it needs is not installed. */
  connect(processor: number): Promise<PeerConnection>;
}
