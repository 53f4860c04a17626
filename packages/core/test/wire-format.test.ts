import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import {
  accountingRecord,
  connectionLayout,
  envelopeLayout,
  invocationHeader,
  messageTable,
  rejectionLayout,
  tokenLayout,
  transcriptLayout,
  usageRecord,
  type FieldPlace,
} from '../src/index.ts';

const page = readFileSync(new URL('../../../docs/wire-format.md', import.meta.url), 'utf8');

const layouts: Readonly<Record<string, { readonly fields: readonly FieldPlace[] }>> = {
  connection: connectionLayout,
  rejection: rejectionLayout,
  envelope: envelopeLayout,
  'usage-record': usageRecord,
  transcript: transcriptLayout,
  'lease-token': tokenLayout,
  'invocation-header': invocationHeader,
  'accounting-record': accountingRecord,
  ...Object.fromEntries(
    Object.entries(messageTable).map(([kind, { number, layout }]) => [
      `${kind} (0x${number.toString(16).padStart(4, '0')})`,
      layout,
    ]),
  ),
};

const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section.split(/^## /m)[0] ?? '']),
);

test('docs/wire-format.md has a section for every layout and no other', () => {
  expect([...sections.keys()].sort()).toEqual(Object.keys(layouts).sort());
});

test.each(Object.entries(layouts))('docs/wire-format.md describes %s as it is', (name, { fields }) => {
  const rows = [...(sections.get(name) ?? '').matchAll(/^\| (\d+) +\| (\d+) +\| `(\w+)` +\| (.+?) +\|$/gm)];
  const described = rows.map(([, offset, byteLength, field, type]) => ({
    name: field,
    type,
    offset: Number(offset),
    byteLength: Number(byteLength),
  }));
  expect(described).toEqual(fields);
});
