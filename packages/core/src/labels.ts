import { RfaasError } from './errors.ts';
import { labelsBytes } from './messages/lease-messages.ts';

/** What a node is, or what a request wants it to be: `{ rack: 'r12', arch: 'arm64' }`. */
export type NodeLabels = Readonly<Record<string, string>>;

const part = /^[\w.@+/-]{1,63}$/;

/** Labels as messages and command lines have them: `rack=r12,arch=arm64`. @throws RfaasError `RFAAS_ERR_USAGE` */
export function formatLabels(labels: NodeLabels): string {
  const pairs = Object.entries(labels);
  for (const [key, value] of pairs) {
    requirePart(key, value);
  }
  const text = pairs.map(([key, value]) => `${key}=${value}`).join(',');
  if (Buffer.byteLength(text) > labelsBytes) {
    throw new RfaasError('RFAAS_ERR_USAGE', `labels take ${text.length} bytes, ${labelsBytes} are possible`);
  }
  return text;
}

/** Reads what {@link formatLabels} writes. @throws RfaasError `RFAAS_ERR_USAGE` */
export function parseLabels(text: string): NodeLabels {
  const labels: Record<string, string> = {};
  for (const pair of text === '' ? [] : text.split(',')) {
    const [key = '', value = '', ...rest] = pair.split('=');
    requirePart(key, value);
    if (rest.length > 0 || Object.hasOwn(labels, key)) {
      throw new RfaasError('RFAAS_ERR_USAGE', `labels "${text}": expected each key once, as key=value`);
    }
    labels[key] = value;
  }
  return labels;
}

function requirePart(key: string, value: string): void {
  if (!part.test(key) || !part.test(value) || key === '__proto__') {
    throw new RfaasError(
      'RFAAS_ERR_USAGE',
      `label "${key}=${value}": expected key=value of letters, digits and . @ + / - _, at most 63 each`,
    );
  }
}
