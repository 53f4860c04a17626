import { expect, test } from '@jest/globals';
import {
  announcedUrl,
  formatTransportUrl,
  openTransport,
  parseTransportUrl,
  withOwnOptions,
} from '@rfaas/rdmalib';

function announced(url: string, host: string, port: number): string {
  return formatTransportUrl(announcedUrl(parseTransportUrl(url), { host, port }));
}

function withOwn(url: string, own: string): string {
  return formatTransportUrl(withOwnOptions(parseTransportUrl(url), parseTransportUrl(own)));
}

test("an announced URL has the listener's address and nothing that only its own side understands", () => {
  expect(announced('verbs://?device=mlx5_0&ack_timeout=10', '10.0.0.7', 4711)).toBe('verbs://10.0.0.7:4711');
  expect(announced('verbs://0.0.0.0:0?device=mlx5_0', 'fe80::1', 1)).toBe('verbs://[fe80::1]:1');
  expect(announced('shm://0?directory=/run/x&uids=1,2', '', 3)).toBe('shm://3?directory=/run/x');
  expect(announced('libfabric+tcp://0.0.0.0:0?endpoint=rdm&device=eth0', '10.0.0.7', 9)).toBe(
    'libfabric+tcp://10.0.0.7:9?endpoint=rdm',
  );
});

test('an announced URL is used with the options of the own one', () => {
  expect(withOwn('verbs://10.0.0.7:1?device=theirs', 'verbs://10.0.0.9:2?device=ours')).toBe(
    'verbs://10.0.0.7:1?device=ours',
  );
  expect(withOwn('shm://1?uids=666', 'shm://2?directory=/ours&uids=1')).toBe(
    'shm://1?directory=/ours&uids=1',
  );
  expect(withOwn('shm://1?directory=/theirs', 'shm://2?directory=/ours')).toBe('shm://1?directory=/theirs');
});

test('on another transport it is used as it is', () => {
  expect(withOwn('shm://1?directory=/x', 'verbs://10.0.0.9:2?device=ours')).toBe('shm://1?directory=/x');
  expect(withOwn('libfabric+tcp://h:1', 'libfabric+verbs://h:2?endpoint=rdm')).toBe('libfabric+tcp://h:1');
});

test('a listener of a transport without hosts is announced by its port alone', async () => {
  const url = parseTransportUrl('shm://0');
  await using transport = openTransport(url);
  await using listener = await transport.openProtectionDomain().listen(url);
  expect(listener.address.host).toBe('');
  expect(formatTransportUrl(announcedUrl(url, listener.address))).toBe(`shm://${listener.address.port}`);
});
