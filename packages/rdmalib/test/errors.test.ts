import { describe, expect, test } from '@jest/globals';
import {
  ClosedError,
  ConnectionRefusedError,
  InvalidArgumentError,
  QueueFullError,
  RdmaError,
  requireSuccess,
  statusText,
  UnsupportedOperationError,
  WorkFailedError,
  type WorkCompletion,
} from '@rfaas/rdmalib';
import { nativeError } from '../src/native/native-error.ts';

const completion: WorkCompletion = {
  endpointId: 4,
  opcode: 'write',
  status: 'success',
  wrId: 12,
  immediate: undefined,
  byteLength: 0,
  providerError: 0,
};

describe('errors', () => {
  test('carry a stable code, a name, facts and a cause', () => {
    const cause = new Error('below');
    const error = new RdmaError('RDMA_ERR_TIMEOUT', 'waited', { operation: 'connect' }, { cause });
    expect(error).toMatchObject({ code: 'RDMA_ERR_TIMEOUT', name: 'RdmaError', message: 'waited', cause });
    expect(error.details).toEqual({ operation: 'connect' });
    expect(new QueueFullError('full')).toMatchObject({ code: 'RDMA_ERR_QUEUE_FULL', name: 'QueueFullError' });
  });

  test('of a subclass are that and RdmaErrors, and nothing else', () => {
    const error = new ClosedError('closed');
    expect(error instanceof ClosedError).toBe(true);
    expect(error instanceof RdmaError).toBe(true);
    expect(error instanceof Error).toBe(true);
    expect(error instanceof QueueFullError).toBe(false);
    expect(new RdmaError('RDMA_ERR_CLOSED', '') instanceof ClosedError).toBe(false);
    expect(new Error('other') instanceof RdmaError).toBe(false);
    expect((null as unknown) instanceof RdmaError).toBe(false);
  });

  test('of another copy of this package are recognised', () => {
    const foreign = new Error('from a copy');
    const brand = Symbol.for('@rfaas/rdmalib/error-kinds');
    Object.defineProperty(foreign, brand, { value: ['RdmaError', 'QueueFullError'] });
    expect(foreign instanceof QueueFullError).toBe(true);
    expect(foreign instanceof RdmaError).toBe(true);
    expect(foreign instanceof ClosedError).toBe(false);
  });

  test('of classes that extend ours are told apart', () => {
    class Narrower extends ClosedError {}
    expect(new Narrower('x') instanceof Narrower).toBe(true);
    expect(new Narrower('x') instanceof ClosedError).toBe(true);
    expect(new ClosedError('x') instanceof Narrower).toBe(false);
  });

  test('a failed completion becomes one on demand, with advice', () => {
    expect(requireSuccess(completion)).toBe(completion);
    const failed = { ...completion, status: 'remote-access-error', providerError: 13 } as const;
    expect(() => requireSuccess(failed)).toThrow(WorkFailedError);
    expect(() => requireSuccess(failed)).toThrow(
      /write request 12 on endpoint 4 .* provider error 13: the range/,
    );
  });

  test('of native calls say what came back and what to do', () => {
    const error = nativeError(-98, 'listening on port 7 of /run', { operation: 'shim_listener_open' });
    expect(error).toMatchObject({ code: 'RDMA_ERR_CALL_FAILED', details: { errno: 'EADDRINUSE' } });
    expect(error.message).toBe(
      'listening on port 7 of /run (EADDRINUSE); choose another port, or 0 and let the system choose',
    );
    expect(nativeError(-111, 'x', {})).toBeInstanceOf(ConnectionRefusedError);
    expect(nativeError(-79, 'x', {})).toMatchObject({ code: 'RDMA_ERR_LIBRARY_VERSION' });
    expect(nativeError(-6, 'x', {})).toMatchObject({ code: 'RDMA_ERR_PROVIDER_NOT_FOUND' });
    expect(nativeError(-22, 'x', {})).toBeInstanceOf(InvalidArgumentError);
    expect(nativeError(-105, 'x', {})).toBeInstanceOf(QueueFullError);
    expect(nativeError(-95, 'x', {})).toBeInstanceOf(UnsupportedOperationError);
    expect(nativeError(-110, '', { operation: 'shim_x' })).toMatchObject({ code: 'RDMA_ERR_TIMEOUT' });
  });
});

test('a status word is told by its name and what it means', () => {
  expect(statusText(6)).toMatch(/^retry-exceeded: the peer does not answer/);
  expect(statusText(99)).toBe('unknown status 99');
});
