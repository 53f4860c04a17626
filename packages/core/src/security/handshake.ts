import { randomBytes } from 'node:crypto';
import { RfaasError, refusalOf } from '../errors.ts';
import type { ConnectionRole } from '../messages/connection-data.ts';
import { noId } from '../messages/connection-data.ts';
import type { MessageKind } from '../messages/message-table.ts';
import type { MessageOf, OutgoingMessage } from '../messages/message.ts';
import { decodeMessage, encodeMessage, expectMessage } from '../messages/message.ts';
import { clientProof, deriveSessionKey, serverProof } from './handshake-proofs.ts';
import type { HandshakeTranscript } from './handshake-proofs.ts';
import { equalSecrets } from './keys.ts';

/** What carries messages: a datagram at a time, in order. */
export interface MessagePort {
  send(message: Uint8Array): Promise<void>;
  /** Resolves to `undefined` once the peer is gone. */
  receive(options?: { readonly signal?: AbortSignal }): Promise<Uint8Array | undefined>;
}

/** What both sides of a handshake tell. */
interface HandshakeOptions {
  readonly role: ConnectionRole;
  /** This side's name: tenant, node, or what a resource manager is called. */
  readonly name: string;
  /** Ends a handshake whose peer does not answer. */
  readonly signal?: AbortSignal;
  /** Randomness, for tests. */
  readonly nonce?: Uint8Array;
}

/** What the connecting side brings. */
export interface ClientHandshakeOptions extends HandshakeOptions {
  /** Tenant credential, node key or lease key, by the role. */
  readonly key: Uint8Array;
  /** The lease whose key this is, for `client-to-executor-manager`. */
  readonly leaseId?: string;
  readonly generation?: number;
}

/** Who wants to connect, before anything is proven. */
export interface HandshakeClaim {
  readonly name: string;
  readonly leaseId: string;
  readonly generation: number;
}

/** What the accepting side brings. */
export interface ServerHandshakeOptions extends HandshakeOptions {
  readonly incarnation?: bigint;
  /** The key that the claim must be proven with. Throw an RfaasError to refuse the claim with its text. */
  keyFor(claim: HandshakeClaim): Uint8Array;
}

/** Both sides have proven that they hold the key. */
export interface Authenticated {
  readonly peerName: string;
  /** The server's incarnation. */
  readonly incarnation: bigint;
  /** Known to the two ends of this connection only. */
  readonly sessionKey: Uint8Array;
  /** What the client claimed and proved. */
  readonly leaseId: string;
  readonly generation: number;
}

/**
 * The handshake of the connecting side, before anything else on the connection.
 *
 * @throws RfaasError `RFAAS_ERR_UNAUTHORISED` if the server does not hold the key, or the refusal that it sent
 */
export async function authenticateClient(
  port: MessagePort,
  options: ClientHandshakeOptions,
): Promise<Authenticated> {
  const clientNonce = options.nonce ?? randomBytes(32);
  const leaseId = options.leaseId ?? noId;
  const generation = options.generation ?? 0;
  await post(port, { kind: 'hello', nonce: clientNonce, name: options.name, leaseId, generation });
  const challenge = await receiveKind(port, options.signal, 'challenge');
  const transcript = {
    role: options.role,
    clientNonce,
    serverNonce: challenge.nonce,
    clientName: options.name,
    serverName: challenge.name,
    leaseId,
    generation,
    incarnation: challenge.incarnation,
  };
  if (!equalSecrets(challenge.proof, serverProof(options.key, transcript))) {
    const refusal = new RfaasError(
      'RFAAS_ERR_UNAUTHORISED',
      `${describePeer(options.role)} "${challenge.name}" does not hold the key of "${options.name}": the key is wrong or stale, or this is not the server it says it is`,
      { details: { role: options.role, server: challenge.name, name: options.name } },
    );
    await refuse(port, refusal);
    throw refusal;
  }
  await post(port, { kind: 'proof', proof: clientProof(options.key, transcript) });
  await receiveKind(port, options.signal, 'welcome');
  return authenticated(challenge.name, options.key, transcript);
}

/**
 * The handshake of the accepting side. On any failure the peer is sent a refusal; the caller closes the connection.
 *
 * @throws RfaasError `RFAAS_ERR_UNAUTHORISED` if the client does not hold the key, `RFAAS_ERR_PROTOCOL` if it sends
 * something else than a handshake, `RFAAS_ERR_DEADLINE` if the signal's time is over first
 */
export async function authenticateServer(
  port: MessagePort,
  options: ServerHandshakeOptions,
): Promise<Authenticated> {
  try {
    return await serve(port, options);
  } catch (cause) {
    const error = isTimeOut(cause) ? tooLate(cause) : cause;
    // A peer that has refused us, or that is gone, needs no refusal.
    if (!(
      error instanceof RfaasError &&
      (error.details['refusedByPeer'] || error.code === 'RFAAS_ERR_CLOSED')
    )) {
      await refuse(port, error);
    }
    throw error;
  }
}

/** What `AbortSignal.timeout` ends with, from whatever realm. */
function isTimeOut(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'TimeoutError';
}

function tooLate(cause: unknown): RfaasError {
  return new RfaasError(
    'RFAAS_ERR_DEADLINE',
    'the handshake took too long: one of the sides, or the network between them, has too much to do; try again',
    { cause },
  );
}

async function serve(port: MessagePort, options: ServerHandshakeOptions): Promise<Authenticated> {
  const hello = await receiveKind(port, options.signal, 'hello');
  const key = options.keyFor({ name: hello.name, leaseId: hello.leaseId, generation: hello.generation });
  const serverNonce = options.nonce ?? randomBytes(32);
  const incarnation = options.incarnation ?? 0n;
  const transcript = {
    role: options.role,
    clientNonce: hello.nonce,
    serverNonce,
    clientName: hello.name,
    serverName: options.name,
    leaseId: hello.leaseId,
    generation: hello.generation,
    incarnation,
  };
  const proof = serverProof(key, transcript);
  await post(port, { kind: 'challenge', nonce: serverNonce, name: options.name, incarnation, proof });
  const answer = await receiveKind(port, options.signal, 'proof');
  if (!equalSecrets(answer.proof, clientProof(key, transcript))) {
    throw new RfaasError('RFAAS_ERR_UNAUTHORISED', `"${hello.name}" did not prove that it holds its key`, {
      details: { role: options.role, name: hello.name },
    });
  }
  await post(port, { kind: 'welcome' });
  return authenticated(hello.name, key, transcript);
}

function authenticated(peerName: string, key: Uint8Array, transcript: HandshakeTranscript): Authenticated {
  const { incarnation, leaseId, generation } = transcript;
  let sessionKey: Uint8Array | undefined;
  return {
    peerName,
    incarnation,
    // Derived where something is sealed with it, which is not so at executor managers: it takes as long as all proofs.
    get sessionKey() {
      sessionKey ??= deriveSessionKey(key, transcript);
      return sessionKey;
    },
    leaseId,
    generation,
  };
}

async function post(port: MessagePort, message: OutgoingMessage): Promise<void> {
  await port.send(encodeMessage(message));
}

async function refuse(port: MessagePort, error: unknown): Promise<void> {
  try {
    await post(port, { kind: 'refused', ...refusalOf(error) });
  } catch {
    // The caller throws the error that led here; that the peer could not be told of it adds nothing.
  }
}

async function receiveKind<K extends MessageKind>(
  port: MessagePort,
  signal: AbortSignal | undefined,
  kind: K,
): Promise<MessageOf<K>> {
  const bytes = await port.receive(signal === undefined ? {} : { signal });
  if (bytes === undefined) {
    throw new RfaasError(
      'RFAAS_ERR_CLOSED',
      `peer closed the connection during the handshake, before its ${kind}`,
    );
  }
  return expectMessage(decodeMessage(bytes), kind);
}

function describePeer(role: ConnectionRole): string {
  return role === 'client-to-executor-manager' ? 'executor manager' : 'resource manager';
}
