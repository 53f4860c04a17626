import { describe, expect, test } from '@jest/globals';
import {
  authenticateClient,
  authenticateServer,
  clientProof,
  decodeMessage,
  deriveSessionKey,
  encodeMessage,
  generateKey,
  noId,
  RfaasError,
  serverProof,
  type HandshakeClaim,
  type HandshakeTranscript,
} from '../../src/index.ts';
import { messagePipe } from './message-pipe.ts';

const key = generateKey();
const client = { role: 'client-to-resource-manager', name: 'alice', key } as const;
const server = {
  role: 'client-to-resource-manager',
  name: 'rm',
  incarnation: 9n,
  keyFor: (_claim: HandshakeClaim): Uint8Array => key,
} as const;

describe('handshake', () => {
  test('two holders of a key learn names, incarnation and one session key', async () => {
    const [left, right] = messagePipe();
    const leaseId = 'c'.repeat(32);
    const claims: HandshakeClaim[] = [];
    const [atClient, atServer] = await Promise.all([
      authenticateClient(left, { ...client, leaseId, generation: 3 }),
      authenticateServer(right, { ...server, keyFor: (claim) => (claims.push(claim), key) }),
    ]);
    expect(atClient).toMatchObject({ peerName: 'rm', incarnation: 9n });
    expect(atServer).toMatchObject({ peerName: 'alice', leaseId, generation: 3 });
    expect(atClient.sessionKey).toEqual(atServer.sessionKey);
    expect(claims).toEqual([{ name: 'alice', leaseId, generation: 3 }]);
  });

  test('session keys differ from connection to connection', async () => {
    const keys = await Promise.all(
      [1, 2].map(async () => {
        const [left, right] = messagePipe();
        const [atClient] = await Promise.all([
          authenticateClient(left, client),
          authenticateServer(right, server),
        ]);
        return Buffer.from(atClient.sessionKey).toString('hex');
      }),
    );
    expect(keys[0]).not.toBe(keys[1]);
  });

  test('the key itself never travels', async () => {
    const [left, right] = messagePipe();
    await Promise.all([authenticateClient(left, client), authenticateServer(right, server)]);
    const wire = Buffer.concat([...left.sent, ...right.sent]);
    expect(wire.includes(Buffer.from(key))).toBe(false);
  });

  test('a server without the key is found out before the client proves anything', async () => {
    const [left, right] = messagePipe();
    const [atClient, atServer] = await Promise.allSettled([
      authenticateClient(left, client),
      authenticateServer(right, { ...server, keyFor: () => generateKey() }),
    ]);
    expect(reasonOf(atClient)).toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
    expect(reasonOf(atClient).message).toContain('does not hold the key of "alice"');
    expect(reasonOf(atServer)).toMatchObject({
      code: 'RFAAS_ERR_UNAUTHORISED',
      details: { refusedByPeer: true },
    });
    expect(left.sent.map((bytes) => decodeMessage(bytes).kind)).toEqual(['hello', 'refused']);
  });

  test('a client that only sends the proof of the server back is refused', async () => {
    const [left, right] = messagePipe();
    const attempt = authenticateServer(right, server);
    await left.send(
      encodeMessage({ kind: 'hello', nonce: generateKey(), name: 'alice', leaseId: noId, generation: 0 }),
    );
    const challenge = decodeMessage((await left.receive()) ?? new Uint8Array(0));
    if (challenge.kind !== 'challenge') {
      throw new Error(`expected a challenge, got ${challenge.kind}`);
    }
    await left.send(encodeMessage({ kind: 'proof', proof: challenge.proof }));
    await expect(attempt).rejects.toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
    expect(decodeMessage((await left.receive()) ?? new Uint8Array(0))).toMatchObject({
      kind: 'refused',
      code: 5,
    });
  });

  test('a handshake of another role does not fit', async () => {
    const [left, right] = messagePipe();
    const [atClient] = await Promise.allSettled([
      authenticateClient(left, client),
      authenticateServer(right, { ...server, role: 'executor-manager-to-resource-manager' }),
    ]);
    expect(reasonOf(atClient)).toMatchObject({ code: 'RFAAS_ERR_UNAUTHORISED' });
  });

  test('a claim that the server refuses reaches the client with its text', async () => {
    const [left, right] = messagePipe();
    const refusal = new RfaasError('RFAAS_ERR_LEASE_TERMINATED', 'lease was released');
    const [atClient, atServer] = await Promise.allSettled([
      authenticateClient(left, client),
      authenticateServer(right, {
        ...server,
        keyFor: () => {
          throw refusal;
        },
      }),
    ]);
    expect(reasonOf(atClient)).toMatchObject({
      code: 'RFAAS_ERR_LEASE_TERMINATED',
      message: 'lease was released',
    });
    expect(reasonOf(atServer)).toBe(refusal);
  });

  test.each([
    ['garbage', new Uint8Array(40)],
    ['a message that does not begin a handshake', encodeMessage({ kind: 'welcome' })],
  ])('%s is refused with a protocol error', async (_what, bytes) => {
    const [left, right] = messagePipe();
    const attempt = authenticateServer(right, server);
    await left.send(bytes);
    await expect(attempt).rejects.toMatchObject({ code: 'RFAAS_ERR_PROTOCOL' });
    expect(decodeMessage((await left.receive()) ?? new Uint8Array(0))).toMatchObject({
      kind: 'refused',
      code: 3,
    });
  });

  test('a peer that goes away ends the handshake on both sides', async () => {
    const [left, right] = messagePipe();
    left.close();
    await expect(authenticateServer(right, server)).rejects.toMatchObject({ code: 'RFAAS_ERR_CLOSED' });
    expect(right.sent).toEqual([]);
    const [near, far] = messagePipe();
    far.close();
    await expect(authenticateClient(near, client)).rejects.toMatchObject({ code: 'RFAAS_ERR_CLOSED' });
  });

  test('a silent peer is waited for no longer than the signal says', async () => {
    const [left] = messagePipe();
    const controller = new AbortController();
    const attempt = authenticateClient(left, { ...client, signal: controller.signal });
    controller.abort(new RfaasError('RFAAS_ERR_DEADLINE', 'no answer'));
    await expect(attempt).rejects.toMatchObject({ code: 'RFAAS_ERR_DEADLINE' });
  });

  test('a client for which there was no time is told that, and not that something is broken', async () => {
    const [left, right] = messagePipe();
    const attempt = authenticateServer(right, { ...server, signal: AbortSignal.timeout(1) });
    await expect(attempt).rejects.toMatchObject({ code: 'RFAAS_ERR_DEADLINE' });
    await expect(authenticateClient(left, client)).rejects.toMatchObject({ code: 'RFAAS_ERR_DEADLINE' });
  });
});

describe('proofs', () => {
  const transcript: HandshakeTranscript = {
    role: 'client-to-executor-manager',
    clientNonce: new Uint8Array(32).fill(1),
    serverNonce: new Uint8Array(32).fill(2),
    clientName: 'alice',
    serverName: 'node-1',
    leaseId: 'a'.repeat(32),
    generation: 1,
    incarnation: 5n,
  };
  const fixedKey = new Uint8Array(32).fill(3);
  const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  test('have their golden values', () => {
    expect(toHex(clientProof(fixedKey, transcript))).toMatchInlineSnapshot(
      `"97701a501d3c7c936e1ed5430fc45bfa9c0c58da98dc5b40c8a1d540958c35b6"`,
    );
    expect(toHex(serverProof(fixedKey, transcript))).toMatchInlineSnapshot(
      `"a4917bfc42d20280516a65a63e356e474f2c839ece0ca2ecb5ebfd785bc8bdbd"`,
    );
    expect(toHex(deriveSessionKey(fixedKey, transcript))).toMatchInlineSnapshot(
      `"d9ae331560f15f50edd96913041b1e3afafb2a90ee53d985bff279957351ed4c"`,
    );
  });

  test.each<[string, Partial<HandshakeTranscript>]>([
    ['role', { role: 'client-to-resource-manager' }],
    ['client nonce', { clientNonce: new Uint8Array(32) }],
    ['server nonce', { serverNonce: new Uint8Array(32) }],
    ['client name', { clientName: 'bob' }],
    ['server name', { serverName: 'node-2' }],
    ['lease', { leaseId: 'b'.repeat(32) }],
    ['generation', { generation: 2 }],
    ['incarnation', { incarnation: 6n }],
  ])('depend on the %s', (_what, change) => {
    expect(toHex(clientProof(fixedKey, { ...transcript, ...change }))).not.toBe(
      toHex(clientProof(fixedKey, transcript)),
    );
  });
});

function reasonOf(outcome: PromiseSettledResult<unknown>): RfaasError {
  if (outcome.status !== 'rejected' || !(outcome.reason instanceof RfaasError)) {
    throw new Error('expected an RfaasError');
  }
  return outcome.reason;
}
