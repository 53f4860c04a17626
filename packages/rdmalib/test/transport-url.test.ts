import { describe, expect, test } from '@jest/globals';
import { formatTransportUrl, InvalidArgumentError, openTransport, parseTransportUrl } from '@rfaas/rdmalib';

describe('transport URLs', () => {
  test.each([
    ['shm://10005', { kind: 'shm', host: '', port: 10005, options: {} }],
    ['shm://0', { kind: 'shm', host: '', port: 0, options: {} }],
    [
      'shm://10005?directory=/run/my%20dir&uids=1000,0',
      { kind: 'shm', host: '', port: 10005, options: { directory: '/run/my dir', uids: '1000,0' } },
    ],
    [
      'verbs://10.0.0.7:10005?device=mlx5_0',
      { kind: 'verbs', host: '10.0.0.7', port: 10005, options: { device: 'mlx5_0' } },
    ],
    ['verbs://?device=mlx5_0', { kind: 'verbs', host: '', port: 0, options: { device: 'mlx5_0' } }],
    ['libfabric+tcp://host:1', { kind: 'libfabric', provider: 'tcp', host: 'host', port: 1, options: {} }],
    [
      'libfabric+tcp;ofi_rxm://[fe80::1]:9',
      { kind: 'libfabric', provider: 'tcp;ofi_rxm', host: 'fe80::1', port: 9, options: {} },
    ],
  ])('%s is read, and written so that it is read back', (text, expected) => {
    expect(parseTransportUrl(text)).toEqual(expected);
    expect(parseTransportUrl(formatTransportUrl(parseTransportUrl(text)))).toEqual(expected);
  });

  test('plain ones are written as they were read', () => {
    for (const text of ['shm://7', 'shm://7?directory=/run/x&uids=1,2', 'verbs://10.0.0.7:1?device=mlx5_0']) {
      expect(formatTransportUrl(parseTransportUrl(text))).toBe(text);
    }
  });

  test.each([
    ['', /must look like/],
    ['10005', /must look like/],
    ['tcp://host:1', /must look like/],
    ['shm://', /a port number must follow/],
    ['shm://host:1', /only a port number/],
    ['shm://65536', /no port/],
    ['shm://-1', /a port number must follow/],
    ['verbs://host', /HOST:PORT/],
    ['verbs+x://host:1', /only libfabric has providers/],
    ['shm://1?uids=1&uids=2', /twice/],
    ['shm://1#x', /must look like/],
  ])('%p is refused with the reason', (text, reason) => {
    expect(() => parseTransportUrl(text)).toThrow(InvalidArgumentError);
    expect(() => parseTransportUrl(text)).toThrow(reason);
  });

  test('a transport without a library here says so', () => {
    expect(() => openTransport('verbs://?device=nonesuch')).toThrow(/librdmacm|rdma_cm|RDMA device/);
    expect(() => openTransport('libfabric+nonesuch://')).toThrow(
      /no provider "nonesuch"|apt-get install libfabric1/,
    );
  });
});
