import { expect, test } from '@jest/globals';
import { executorEnvironment } from '../../src/launchers/executor-environment.ts';

test('an executor gets what programs need, and no secrets', () => {
  const environment = {
    PATH: '/usr/bin',
    LANG: 'C.UTF-8',
    XDG_RUNTIME_DIR: '/run/user/1000',
    RFAAS_NODE_KEY: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
    NODE_OPTIONS: '--require=/tmp/evil.js',
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
    LD_PRELOAD: '/tmp/evil.so',
    HOME: undefined,
  };
  expect(executorEnvironment(environment)).toEqual({
    PATH: '/usr/bin',
    LANG: 'C.UTF-8',
    XDG_RUNTIME_DIR: '/run/user/1000',
  });
});
