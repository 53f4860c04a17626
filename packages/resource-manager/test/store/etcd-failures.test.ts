import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { certificateObstacle, makeCertificate } from '../../../../tests/support/http-certificate.ts';
import { etcdObstacle, LocalEtcd } from '../../../../benchmarks/src/programs/local-etcd.ts';
import { EtcdClient } from '../../src/store/etcd/etcd-client.ts';
import { EtcdLeadership } from '../../src/store/etcd/etcd-leadership.ts';
import { beginTerm, etcdOptions } from './test-stores.ts';

const obstacle = etcdObstacle ?? certificateObstacle;
const title = obstacle === undefined ? 'an etcd that' : `an etcd that: ${obstacle}`;

(obstacle === undefined ? describe : describe.skip)(title, () => {
  test('is not there: the error says where it was looked for, within the stated time', async () => {
    const client = new EtcdClient({ endpoints: ['http://127.0.0.1:1'], timeoutMs: 300 });
    await expect(client.range('a')).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: expect.stringMatching(/etcd at http:\/\/127\.0\.0\.1:1, KV\/Range: .*is it running/),
    });
    client.close();
  });

  test('is away for a while: commits are refused, and go on by themselves once it is back', async () => {
    await using server = await LocalEtcd.start();
    // Longer than it is away: a term that ends is another test.
    const leadership = new EtcdLeadership(etcdOptions(server, { leaseSeconds: 120, timeoutMs: 500 }));
    const term = await beginTerm(leadership);
    await term.store.commit([{ key: 'a', value: '1' }]);
    await server.kill();
    await expect(term.store.commit([{ key: 'a', value: '2' }])).rejects.toMatchObject({
      code: 'RFAAS_ERR_STORE',
      message: expect.stringContaining('etcd at'),
    });
    await server.restart();
    await term.store.commit([{ key: 'a', value: '3' }]);
    await term.resign();
    await leadership.close();
  }, 60_000);

  test('loses one of three members: the others are used', async () => {
    await using server = await LocalEtcd.start({ members: 3 });
    const leadership = new EtcdLeadership(etcdOptions(server, { leaseSeconds: 120, timeoutMs: 15_000 }));
    const term = await beginTerm(leadership);
    for (let member = 0; member < 3; member += 1) {
      await server.killMember(member);
      await term.store.commit([{ key: 'a', value: String(member) }]);
      await server.restart();
    }
    await server.kill();
    await term.resign();
    await leadership.close();
  }, 120_000);

  test('wants names and passwords gets them, and a wrong one is told', async () => {
    await using server = await LocalEtcd.start();
    const role = Buffer.from('rfaas/').toString('base64');
    await server.ask('auth/user/add', { name: 'root', password: 'root' });
    await server.ask('auth/role/add', { name: 'root' });
    await server.ask('auth/user/grant', { user: 'root', role: 'root' });
    await server.ask('auth/user/add', { name: 'manager', password: 'open' });
    await server.ask('auth/role/add', { name: 'rfaas' });
    const end = Buffer.from('rfaas0').toString('base64');
    await server.ask('auth/role/grant', {
      name: 'rfaas',
      perm: { permType: 'READWRITE', key: role, range_end: end },
    });
    await server.ask('auth/user/grant', { user: 'manager', role: 'rfaas' });
    await server.ask('auth/enable', {});
    const as = (password: string, prefix = 'rfaas'): EtcdLeadership =>
      new EtcdLeadership(etcdOptions(server, { user: { name: 'manager', password }, prefix }));
    const good = as('open');
    const term = await beginTerm(good);
    await term.store.commit([{ key: 'a', value: '1' }]);
    // Whoever changes users makes all tokens of before void.
    const root = (await server.ask('auth/authenticate', { name: 'root', password: 'root' }))['token'];
    await server.ask('auth/user/add', { name: 'another', password: 'x' }, String(root));
    await term.store.commit([{ key: 'a', value: '2' }]);
    await expect(as('wrong').prepare()).rejects.toThrow(/authentication failed.*password_file/);
    await expect(as('open', 'elsewhere').prepare()).rejects.toThrow(/permission denied.*under the prefix/);
    await expect(new EtcdLeadership(etcdOptions(server)).prepare()).rejects.toThrow(/RFAAS_ETCD_PASSWORD/);
    await term.resign();
    await good.close();
  }, 60_000);

  test('wants certificates gets ours, and must have one that we trust', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rfaas-etcd-tls-'));
    try {
      const { certFile, keyFile } = makeCertificate(folder);
      const files = ['--cert-file', certFile, '--key-file', keyFile];
      await using server = await LocalEtcd.start({
        scheme: 'https',
        words: [...files, '--client-cert-auth', '--trusted-ca-file', certFile],
      });
      const [ca, key] = [readFileSync(certFile), readFileSync(keyFile)];
      const trusting = new EtcdLeadership(etcdOptions(server, { tls: { ca, cert: ca, key } }));
      const term = await beginTerm(trusting);
      await term.store.commit([{ key: 'a', value: '1' }]);
      await term.resign();
      await trusting.close();
      const suspicious = new EtcdLeadership(etcdOptions(server, { tls: { cert: ca, key }, timeoutMs: 500 }));
      await expect(suspicious.prepare()).rejects.toThrow(/self-signed certificate.*certificates right/);
      await suspicious.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});
