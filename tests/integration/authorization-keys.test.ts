import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { compileLibraryFile, type CompiledLibrary } from '../support/compile-function-library.ts';
import { standInDrc, type StandInDrc } from '../support/drc/stand-in-drc.ts';
import { runNode } from '../support/run-program.ts';
import { interpositionObstacle } from '../support/transport-obstacle.ts';

/** Opens what its argument names, and connects to itself. */
const program = `
  import { openTransport, parseTransportUrl } from '@rfaas/rdmalib';
  const transport = openTransport(process.argv[1]);
  const domain = transport.openProtectionDomain();
  const listener = await domain.listen({ host: '127.0.0.1', port: 0 });
  const queue = domain.createCompletionQueue({ depth: 8 });
  const depths = { sendCompletions: queue, receiveCompletions: queue, sendQueueDepth: 2, receiveQueueDepth: 2 };
  const near = domain.createEndpoint(depths);
  const connecting = near.connect(listener.address);
  for await (const request of listener.requests()) {
    await request.accept(request.createEndpoint(depths));
    break;
  }
  await connecting;
  await transport.close();`;

const reason = interpositionObstacle();

describe('what libfabric is asked for on a Cray', () => {
  if (reason !== null) {
    test.skip(reason, () => undefined);
    return;
  }
  let recorder: CompiledLibrary;
  let drc: StandInDrc;

  beforeAll(async () => {
    const file = fileURLToPath(new URL('../support/libfabric/recording-libfabric.c', import.meta.url));
    recorder = await compileLibraryFile(file, ['-lfabric']);
    drc = await standInDrc();
  }, 60_000);

  afterAll(async () => {
    await recorder?.[Symbol.asyncDispose]();
    await drc?.[Symbol.asyncDispose]();
  });

  /** What libfabric was asked for; what is repeated is there once. */
  async function asked(url: string, environment: Record<string, string> = {}): Promise<string[]> {
    const log = join(dirname(recorder.path), 'calls.log');
    await rm(log, { force: true });
    const result = await runNode(['--input-type=module', '-e', program, url], {
      environment: {
        LD_PRELOAD: recorder.path,
        RECORDED_LIBFABRIC: log,
        ...drc.environment,
        ...environment,
      },
    });
    expect(result).toMatchObject({ code: 0, errors: '' });
    return [...new Set((await readFile(log, 'utf8')).trimEnd().split('\n'))];
  }

  test('a CXI service and VNI of the URL are the key of domain and endpoint', async () => {
    const key = '0500000020010000';
    expect(await asked('libfabric+cxi://127.0.0.1:0?svc_id=5&vni=288')).toEqual([
      'fi_getinfo provider=cxi endpoint=msg domain=any',
      'fi_getinfo provider=cxi endpoint=rdm domain=any',
      `domain auth_key=${key}`,
      `endpoint auth_key=${key}`,
    ]);
  }, 40_000);

  test('what the launcher of a Slingshot job told is taken, for the device that it named', async () => {
    const environment = {
      SLINGSHOT_DEVICES: 'cxi0,cxi1',
      SLINGSHOT_SVC_IDS: '11,12',
      SLINGSHOT_VNIS: '4034',
    };
    const first = await asked('libfabric+cxi://127.0.0.1:0', environment);
    expect(first).toContain('fi_getinfo provider=cxi endpoint=rdm domain=cxi0');
    expect(first).toContain('domain auth_key=0b000000c20f0000');
    const second = await asked('libfabric+cxi://127.0.0.1:0?domain=cxi1', environment);
    expect(second).toContain('fi_getinfo provider=cxi endpoint=rdm domain=cxi1');
    expect(second).toContain('endpoint auth_key=0c000000c20f0000');
  }, 40_000);

  test('the cookie of a DRC credential is the key for gni, which ugni means, too', async () => {
    expect(await asked('libfabric+ugni://127.0.0.1:0?credential=7')).toEqual([
      'fi_getinfo provider=gni endpoint=msg domain=any',
      'fi_getinfo provider=gni endpoint=rdm domain=any',
      'domain auth_key=0000000098badcfe',
      'endpoint auth_key=0000000098badcfe',
    ]);
    expect(await drc.calls()).toEqual(['drc_access(7, 0)', 'drc_get_first_cookie(what drc_access gave)']);
    expect(await asked('libfabric+gni://127.0.0.1:0?cookie=16909060')).toContain(
      'domain auth_key=0000000004030201',
    );
  }, 40_000);

  test('no key is made up', async () => {
    expect(await asked('libfabric+cxi://127.0.0.1:0')).toContain('domain auth_key=none');
  }, 40_000);
});
