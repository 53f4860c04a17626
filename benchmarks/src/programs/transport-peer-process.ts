import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openTransport, parseTransportUrl, type Transport } from '@rfaas/rdmalib';
import { TransportSide } from './transport-side.ts';

const READY_MS = 20_000;

/** What the two sides exchange. */
export interface TransportPeerOptions {
  /** Bytes of a write from here. */
  readonly bytes: number;
  /** Bytes of a write from there. */
  readonly answerBytes: number;
  /** Where the other process runs. */
  readonly processor: number;
}

/** The other process of a ping-pong or a stream (transport-peer.ts), and this process's side of the connection. */
export class TransportPeer implements AsyncDisposable {
  readonly side: TransportSide;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #transport: Transport;

  private constructor(
    side: TransportSide,
    child: ChildProcess,
    exited: Promise<unknown>,
    transport: Transport,
  ) {
    this.side = side;
    this.#child = child;
    this.#exited = exited;
    this.#transport = transport;
  }

  /** Starts it where `listenUrl` says, and connects. Rejects with RdmaError. */
  static async start(
    listenUrl: string,
    { bytes, answerBytes, processor }: TransportPeerOptions,
  ): Promise<TransportPeer> {
    const script = join(import.meta.dirname, 'transport-peer.js');
    const numbers = [bytes, answerBytes, processor].map(String);
    const child = spawn(process.execPath, [script, listenUrl, ...numbers], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let transport: Transport | undefined;
    try {
      const [line] = (await once(createInterface({ input: child.stdout }), 'line', {
        signal: AbortSignal.timeout(READY_MS),
      })) as [string];
      const url = parseTransportUrl(line);
      transport = openTransport(url);
      const domain = transport.openProtectionDomain();
      const side = new TransportSide(domain, { byteLength: bytes, peerBytes: answerBytes });
      const endpoint = domain.createEndpoint(side.endpointOptions);
      side.use(endpoint);
      const reply = await endpoint.connect(url, { privateData: side.invitation });
      await side.meet(reply.privateData);
      return new TransportPeer(side, child, exited, transport);
    } catch (error) {
      await transport?.close();
      child.kill('SIGTERM');
      await exited;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport.close();
    this.#child.kill('SIGTERM');
    await this.#exited;
  }
}
