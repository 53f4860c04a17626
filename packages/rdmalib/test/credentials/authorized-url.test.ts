import { describe, expect, test } from '@jest/globals';
import {
  cxiAuthorizationKey,
  gniAuthorizationKey,
} from '../../src/libfabric/credentials/authorization-key.ts';
import { authorizedUrl } from '../../src/libfabric/credentials/authorized-url.ts';
import {
  serviceForDevice,
  slingshotServices,
  type Environment,
} from '../../src/libfabric/credentials/slingshot-environment.ts';
import { parseTransportUrl } from '../../src/transport/transport-url.ts';

const cookieOf = (credential: number): number => 1000 + credential;

function options(url: string, environment: Environment = {}): Readonly<Record<string, string>> {
  return authorizedUrl(parseTransportUrl(url), environment, cookieOf).options;
}

test('keys have the bytes that the providers want', () => {
  expect(gniAuthorizationKey(0x01020304)).toBe('0000000004030201');
  expect(gniAuthorizationKey(0xffffffff)).toBe('00000000ffffffff');
  expect(cxiAuthorizationKey({ serviceId: 0x01020304, vni: 0xabcd })).toBe('04030201cdab0000');
  expect(() => gniAuthorizationKey(2 ** 32)).toThrow(/no DRC cookie/);
  expect(() => cxiAuthorizationKey({ serviceId: 1, vni: 65536 })).toThrow(/no VNI/);
});

describe('a URL', () => {
  test.each([
    ['libfabric+gni://h:1?credential=7', { auth_key: gniAuthorizationKey(1007) }],
    ['libfabric+ugni://h:1?cookie=9&domain=ipogif0', { auth_key: gniAuthorizationKey(9), domain: 'ipogif0' }],
    ['libfabric+cxi://h:1?svc_id=5&vni=288', { auth_key: cxiAuthorizationKey({ serviceId: 5, vni: 288 }) }],
    ['libfabric+tcp://h:1?auth_key=00ff', { auth_key: '00ff' }],
    ['libfabric+tcp://h:1', {}],
    ['libfabric+cxi://h:1', {}],
  ])('%s', (url, expected) => {
    expect(options(url)).toEqual(expected);
  });

  test.each([
    ['libfabric+gni://h:1?credential=7&cookie=9', /credential and cookie are there at once/],
    ['libfabric+cxi://h:1?auth_key=00&svc_id=1&vni=1', /auth_key and svc_id are there at once/],
    ['libfabric+tcp://h:1?cookie=9', /cookie is for the gni provider, not for "tcp"/],
    ['libfabric+gni://h:1?svc_id=9&vni=1', /svc_id is for the cxi provider/],
    ['libfabric+cxi://h:1?svc_id=9', /belong together/],
    ['libfabric+cxi://h:1?vni=9', /belong together/],
    ['libfabric+gni://h:1?cookie=0x9', /cookie is no number/],
    ['libfabric+cxi://h:1?svc_id=1&vni=70000', /70000 is no VNI/],
  ])('%s is refused', (url, reason) => {
    expect(() => options(url)).toThrow(reason);
  });
});

describe('what a launcher of Slingshot jobs told', () => {
  const environment = {
    SLINGSHOT_DEVICES: 'cxi0,cxi1',
    SLINGSHOT_SVC_IDS: '11, 12',
    SLINGSHOT_VNIS: '4034,4035',
  };
  const keyOf = (serviceId: number): string => cxiAuthorizationKey({ serviceId, vni: 4034 });

  test('is taken where the URL says nothing', () => {
    expect(options('libfabric+cxi://h:1', environment)).toEqual({ domain: 'cxi0', auth_key: keyOf(11) });
    expect(options('libfabric+cxi://h:1?domain=cxi1', environment)).toEqual({
      domain: 'cxi1',
      auth_key: keyOf(12),
    });
    const withoutDevices = { ...environment, SLINGSHOT_DEVICES: undefined };
    expect(options('libfabric+cxi://h:1', withoutDevices)).toEqual({ auth_key: keyOf(11) });
    expect(options('libfabric+cxi://h:1?domain=cxi7', withoutDevices)).toEqual({
      domain: 'cxi7',
      auth_key: keyOf(11),
    });
  });

  test('is left alone where the URL says something, and by other providers', () => {
    expect(options('libfabric+cxi://h:1?svc_id=1&vni=2', environment)).toEqual({
      auth_key: cxiAuthorizationKey({ serviceId: 1, vni: 2 }),
    });
    expect(options('libfabric+cxi://h:1?auth_key=00', environment)).toEqual({ auth_key: '00' });
    expect(options('libfabric+tcp://h:1', environment)).toEqual({});
  });

  test.each([
    [{ SLINGSHOT_SVC_IDS: '1' }, /only one of them is set/],
    [{ SLINGSHOT_VNIS: '1' }, /only one of them is set/],
    [{ SLINGSHOT_SVC_IDS: '1,x', SLINGSHOT_VNIS: '1' }, /"x" is no number/],
    [{ ...environment, SLINGSHOT_DEVICES: 'cxi0' }, /names 1 devices and SLINGSHOT_SVC_IDS 2/],
  ])('is refused where it contradicts itself: %j', (wrong, reason) => {
    expect(() => slingshotServices(wrong)).toThrow(reason);
  });

  test('has no service for a device that it does not name', () => {
    expect(() => serviceForDevice(slingshotServices(environment), 'cxi2')).toThrow(/no service for cxi2/);
    expect(slingshotServices({})).toEqual([]);
  });
});
