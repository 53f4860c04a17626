import { expect, test } from '@jest/globals';

import { libfabricOptions } from '../src/libfabric/libfabric-transport.ts';
import { parseTransportUrl } from '../src/transport/transport-url.ts';

const optionsOf = (url: string): string[] =>
  libfabricOptions(parseTransportUrl(url)).trim().split('\n').sort();

test('the provider goes to libfabric as it is, and the way to the host finds the device', () => {
  expect(optionsOf('libfabric+tcp;ofi_rxm://10.0.0.7:10005?endpoint=rdm')).toEqual([
    'endpoint=rdm',
    'provider=tcp;ofi_rxm',
    'route=10.0.0.7',
  ]);
});

test('ugni is another word for gni', () => {
  expect(optionsOf('libfabric+ugni://')).toEqual(['provider=gni']);
});

test('a source that is named, or a host that stands for all, leaves the way open', () => {
  expect(optionsOf('libfabric+tcp://0.0.0.0:1')).toEqual(['provider=tcp']);
  expect(optionsOf('libfabric+tcp://10.0.0.7:1?source=10.0.0.2')).toEqual([
    'provider=tcp',
    'source=10.0.0.2',
  ]);
});

test('a URL without a provider is refused with an example', () => {
  expect(() => optionsOf('libfabric://10.0.0.7:1')).toThrow(
    /libfabric needs a provider, as in libfabric\+tcp/,
  );
});
