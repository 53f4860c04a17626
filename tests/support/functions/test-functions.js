// Functions that tests invoke: (input, output) => bytes written, or a promise of them.

export function echo(input, output) {
  output.set(input);
  return input.length;
}

export async function later(input, output) {
  await new Promise((resolve) => setTimeout(resolve, 5));
  output.set(input);
  return input.length;
}

export function shout(input, output) {
  return new TextEncoder().encodeInto(new TextDecoder().decode(input.slice()).toUpperCase(), output).written;
}

export function fail() {
  throw new Error('this function fails on purpose');
}

export async function reject() {
  throw new Error('this promise rejects on purpose');
}

export function claimTooMuch(_input, output) {
  return output.length + 1;
}

export function writeTooMuch(_input, output) {
  output.set(new Uint8Array(output.length + 1));
  return output.length;
}

export function never() {
  return new Promise(() => undefined);
}
