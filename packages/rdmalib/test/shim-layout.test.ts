import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { crossCheckNativeLibrary, findNativeLibrary } from '@rfaas/rdmalib';
import { deviceFactsBytes, deviceFactsOffset } from '../src/devices/device-facts.ts';
import * as layout from '../src/native/shim-layout.ts';

const run = promisify(execFile);
const include = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'native-shims', 'include');

/** C expressions and what TypeScript thinks that they are. */
const expected: Readonly<Record<string, number>> = {
  SHIM_ABI_VERSION: layout.abiVersion,
  SHIM_MAX_SEGMENTS: layout.maxSegments,
  SHIM_MAX_PRIVATE_DATA: layout.maxPrivateDataBytes,
  SHIM_ADDRESS_BYTES: layout.addressBytes,
  'sizeof(struct shim_completion)': layout.completionWords * 4,
  'offsetof(struct shim_completion, endpoint_id)': layout.completionWord.endpointId * 4,
  'offsetof(struct shim_completion, opcode)': layout.completionWord.opcode * 4,
  'offsetof(struct shim_completion, status)': layout.completionWord.status * 4,
  'offsetof(struct shim_completion, wr_id)': layout.completionWord.wrId * 4,
  'offsetof(struct shim_completion, flags)': layout.completionWord.flags * 4,
  'offsetof(struct shim_completion, immediate)': layout.completionWord.immediate * 4,
  'offsetof(struct shim_completion, byte_length)': layout.completionWord.byteLength * 4,
  'offsetof(struct shim_completion, provider_error)': layout.completionWord.providerError * 4,
  'sizeof(struct shim_work)': layout.workBytes,
  'sizeof(struct shim_segment)': layout.segmentWords * 4,
  'offsetof(struct shim_work, opcode)': layout.workWord.opcode * 4,
  'offsetof(struct shim_work, flags)': layout.workWord.flags * 4,
  'offsetof(struct shim_work, wr_id)': layout.workWord.wrId * 4,
  'offsetof(struct shim_work, immediate)': layout.workWord.immediate * 4,
  'offsetof(struct shim_work, target)': layout.workWord.target * 4,
  'offsetof(struct shim_work, segment_count)': layout.workWord.segmentCount * 4,
  'offsetof(struct shim_work, target_offset)': layout.workWord.targetOffset * 4,
  'offsetof(struct shim_work, operand)': layout.workWord.operand * 4,
  'offsetof(struct shim_work, swap)': layout.workWord.swap * 4,
  'offsetof(struct shim_work, segments)': layout.workWord.segments * 4,
  'offsetof(struct shim_segment, offset)': 8,
  'offsetof(struct shim_segment, length)': 16,
  'sizeof(struct shim_capabilities)': layout.capabilitiesWords * 4,
  'offsetof(struct shim_capabilities, max_private_data)': layout.capabilitiesWord.maxPrivateData * 4,
  'offsetof(struct shim_capabilities, max_queue_depth)': layout.capabilitiesWord.maxQueueDepth * 4,
  'sizeof(struct shim_event)': layout.eventBytes,
  'offsetof(struct shim_event, error)': layout.eventOffset.error,
  'offsetof(struct shim_event, object)': layout.eventOffset.object,
  'offsetof(struct shim_event, peer_port)': layout.eventOffset.peerPort,
  'offsetof(struct shim_event, peer)': layout.eventOffset.peer,
  'offsetof(struct shim_event, private_data)': layout.eventOffset.privateData,
  'sizeof(struct shim_region_info)': layout.regionInfoBytes,
  'offsetof(struct shim_region_info, mapped_length)': layout.regionInfoWord.mappedLength * 8,
  'offsetof(struct shim_region_info, rkey)': layout.regionInfoWord.rkey * 8,
  'offsetof(struct shim_region_info, fd)': layout.regionInfoDescriptorWord * 4,
  'sizeof(struct shim_endpoint_options)': 32,
  'sizeof(struct shim_remote)': 24,
  'sizeof(struct verbs_device_facts)': deviceFactsBytes,
  'offsetof(struct verbs_device_facts, max_inline_bytes)': deviceFactsOffset.maxInlineBytes,
  'offsetof(struct verbs_device_facts, max_queue_pairs)': deviceFactsOffset.maxQueuePairs,
  'offsetof(struct verbs_device_facts, max_completion_queues)': deviceFactsOffset.maxCompletionQueues,
  'offsetof(struct verbs_device_facts, max_memory_regions)': deviceFactsOffset.maxMemoryRegions,
  'offsetof(struct verbs_device_facts, max_queue_depth)': deviceFactsOffset.maxQueueDepth,
  'offsetof(struct verbs_device_facts, max_completions)': deviceFactsOffset.maxCompletions,
  'offsetof(struct verbs_device_facts, max_segments)': deviceFactsOffset.maxSegments,
  'offsetof(struct verbs_device_facts, atomics)': deviceFactsOffset.atomics,
  'offsetof(struct verbs_device_facts, firmware)': deviceFactsOffset.firmware,
  SHIM_IMMEDIATE: layout.workFlag.immediate,
  SHIM_PLACED: layout.workFlag.placed,
  SHIM_SOLICITED: layout.workFlag.solicited,
  SHIM_INLINE: layout.workFlag.inline,
  SHIM_REMOTE_ATOMIC: layout.accessFlag['remote-atomic'],
  SHIM_REGION_GUARD: layout.regionFlag.guard,
  SHIM_EVENT_READABLE: layout.eventType.readable,
  SHIM_EVENT_DISCONNECTED: layout.eventType.disconnected,
  SHIM_PROTOCOL_VIOLATION: layout.disconnectReason.protocolViolation,
  SHIM_COMPARE_SWAP: layout.opcode.compareSwap,
  SHIM_RECEIVE_WRITE_IMMEDIATE: layout.opcodeNames.indexOf('receive-write-immediate'),
  SHIM_FLUSHED: layout.statusNames.indexOf('flushed'),
  SHIM_OTHER_ERROR: layout.statusNames.indexOf('other-error'),
  SHIM_FAILED: layout.endpointStates.indexOf('failed'),
};

test('the layouts are those of the C header', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rdmalib-layout-'));
  try {
    const prints = Object.keys(expected).map((name) => `  printf("%lld\\n", (long long)(${name}));`);
    const source = `#include <stddef.h>\n#include <stdio.h>\n#include "rdmalib_shim.h"\n#include "rdmalib_verbs.h"\nint main(void) {\n${prints.join('\n')}\n}\n`;
    await writeFile(join(folder, 'layout.c'), source);
    const program = join(folder, 'layout');
    await run(process.env['CC'] ?? 'cc', ['-I', include, '-o', program, join(folder, 'layout.c')]);
    const { stdout } = await run(program);
    const seen = stdout.trim().split('\n').map(Number);
    expect(Object.fromEntries(Object.keys(expected).map((name, index) => [name, seen[index]]))).toEqual(
      expected,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('two foreign function interfaces hear the same from the library', async () => {
  await expect(crossCheckNativeLibrary(findNativeLibrary('librdmalib_shm.so'))).resolves.toBeUndefined();
});
