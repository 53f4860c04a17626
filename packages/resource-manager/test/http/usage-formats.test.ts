import { expect, test } from '@jest/globals';
import type { Bill } from '../../src/cluster/cluster-view.ts';
import { formatBills, type UsageFormat } from '../../src/http/usage-formats.ts';

const usage = {
  allocations: 2,
  invocations: 7,
  coreNanoseconds: 93_784_500_000_000,
  mebibyteMilliseconds: 2_048_000,
  hotPollingNs: 1_500_000_000,
  executionNs: 93_784_512_345_678,
};
const closed: Bill = {
  leaseId: '0'.repeat(31) + '1',
  tenant: 'alice',
  nodes: ['a', 'b'],
  leased: { cores: 4, memoryMiB: 2048, gpus: 1 },
  start: Date.UTC(2026, 0, 2, 3, 4, 5),
  end: Date.UTC(2026, 0, 2, 3, 5, 5),
  reason: 'expired',
  usage,
};
const open: Bill = {
  ...closed,
  leased: { cores: 1, memoryMiB: 0, gpus: 0 },
  end: undefined,
  reason: undefined,
};

async function* each(bills: readonly Bill[]): AsyncGenerator<Bill> {
  yield* bills;
}

async function format(bills: readonly Bill[], as: UsageFormat): Promise<string> {
  const parts: string[] = [];
  for await (const part of formatBills(each(bills), as, closed.start + 90_000)) {
    parts.push(part);
  }
  return parts.join('');
}

test('bills as JSON are a list, an empty one too', async () => {
  expect(JSON.parse(await format([], 'json'))).toEqual([]);
  expect(JSON.parse(await format([closed, open], 'json'))).toMatchObject([
    { lease: closed.leaseId, end: '2026-01-02T03:05:05.000Z', usage: { coreSeconds: 93_784.5 } },
    { end: null, reason: null },
  ]);
});

test('bills as CSV have one line each', async () => {
  expect((await format([closed, open], 'csv')).split('\r\n')).toEqual([
    'lease,tenant,nodes,cores,memory_mib,gpus,start,end,reason,allocations,invocations,core_seconds,memory_mib_seconds,hot_polling_seconds,execution_seconds',
    `${closed.leaseId},alice,a b,4,2048,1,2026-01-02T03:04:05.000Z,2026-01-02T03:05:05.000Z,expired,2,7,93784.500000,2048.000,1.500000,93784.512346`,
    `${closed.leaseId},alice,a b,1,0,0,2026-01-02T03:04:05.000Z,,,2,7,93784.500000,2048.000,1.500000,93784.512346`,
    '',
  ]);
});

test('bills for accounting look like those of sacct --parsable2', async () => {
  expect((await format([closed, open], 'sacct')).split('\n')).toEqual([
    'JobID|JobName|Account|NNodes|AllocCPUS|AllocTRES|Start|End|ElapsedRaw|State|CPUTimeRAW|TotalCPU|NodeList',
    `${closed.leaseId}|rfaas|alice|2|4|cpu=4,mem=2048M,node=2,gres/gpu=1|2026-01-02T03:04:05|2026-01-02T03:05:05|60|TIMEOUT|93785|1-02:03:04.512|a,b`,
    `${closed.leaseId}|rfaas|alice|2|1|cpu=1,mem=0M,node=2|2026-01-02T03:04:05|Unknown|90|RUNNING|93785|1-02:03:04.512|a,b`,
    '',
  ]);
});
