import { expect, test } from '@jest/globals';
import { formatTransportUrl, listeningOnDevice, parseTransportUrl, throughDevice } from '@rfaas/rdmalib';

const through = (url: string): string => formatTransportUrl(throughDevice(parseTransportUrl(url), 'mlx5_0'));
const listening = (url: string, known?: { host: string; port: number }): string =>
  formatTransportUrl(listeningOnDevice(parseTransportUrl(url), 'mlx5_0', known));

test('a peer is reached through a device', () => {
  expect(through('verbs://10.0.0.7:1')).toBe('verbs://10.0.0.7:1?device=mlx5_0');
  expect(through('verbs://10.0.0.7:1?device=mlx4_0&retry_count=3')).toBe(
    'verbs://10.0.0.7:1?device=mlx5_0&retry_count=3',
  );
  expect(through('libfabric+verbs://10.0.0.7:1')).toBe('libfabric+verbs://10.0.0.7:1?domain=mlx5_0');
  expect(() => through('shm://1')).toThrow(/shared memory has no devices/);
});

test('a server that was told a device needs no address', () => {
  expect(listening('shm://0')).toBe('verbs://:0?device=mlx5_0');
  expect(listening('shm://10000?directory=/run/x&uids=1')).toBe('verbs://:10000?device=mlx5_0');
  expect(listening('verbs://10.0.0.7:10005?device=mlx4_0&source=10.0.0.7')).toBe(
    'verbs://:10005?device=mlx5_0',
  );
  expect(listening('libfabric+tcp://0.0.0.0:9?endpoint=rdm')).toBe(
    'libfabric+tcp://:9?endpoint=rdm&domain=mlx5_0',
  );
});

test("a device database's address and port are taken, the port only where there is no other", () => {
  const known = { host: '10.0.0.7', port: 10_010 };
  expect(listening('shm://0', known)).toBe('verbs://10.0.0.7:10010?device=mlx5_0');
  expect(listening('verbs://:10005', known)).toBe('verbs://10.0.0.7:10005?device=mlx5_0');
});
