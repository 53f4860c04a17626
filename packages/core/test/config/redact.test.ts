import { expect, test } from '@jest/globals';

import { formatConfig, formatFailure, hideCredentials, RfaasError } from '../../src/index.ts';

const keyed = 'libfabric+cxi://nid1:5?auth_key=0badcafe&domain=cxi0';

test('a printed configuration contains no secrets, neither by name nor in URLs', () => {
  const config = { transport: keyed, token: 'abc', nodes: [{ url: 'libfabric+gni://nid2:7?cookie=4711' }] };
  const printed = formatConfig(config);
  expect(printed).not.toMatch(/0badcafe|4711|abc/);
  expect(JSON.parse(printed)).toEqual({
    transport: 'libfabric+cxi://nid1:5?auth_key=[hidden]&domain=cxi0',
    token: '[hidden]',
    nodes: [{ url: 'libfabric+gni://nid2:7?cookie=[hidden]' }],
  });
  expect(config.transport).toBe(keyed);
});

test('errors name URLs without their keys', () => {
  const error = new RfaasError('RFAAS_ERR_MANAGER_LOST', `lost the manager at ${keyed}: gone`);
  expect(error.message).toBe(
    'lost the manager at libfabric+cxi://nid1:5?auth_key=[hidden]&domain=cxi0: gone',
  );
  expect(formatFailure(new Error(`cannot open ${keyed}`))).not.toContain('0badcafe');
});

test('what may be told to anybody stays', () => {
  const open = 'libfabric+gni://nid2:7?credential=42, libfabric+cxi://n:1?svc_id=5&vni=288';
  expect(hideCredentials(open)).toBe(open);
});
