import { describe, expect, test } from '@jest/globals';
import { PollingState } from '../../src/thread/polling-state.ts';

describe('a thread that is always hot', () => {
  test('never sleeps, however long nothing comes', () => {
    const polling = new PollingState(-1);
    expect(polling.update(1e9)).toBe(false);
    expect(polling.warm).toBe(false);
    expect(polling.spinMicroseconds(1e9)).toBe(1_000_000);
  });
});

describe('a thread that is always warm', () => {
  test('sleeps from the start and after every invocation', () => {
    const polling = new PollingState(0);
    expect(polling.warm).toBe(true);
    expect(polling.update(0)).toBe(false);
    expect(polling.warm).toBe(true);
    expect(polling.spinMicroseconds(0)).toBe(0);
  });
});

describe('a thread with a hot timeout', () => {
  test('begins hot and spins for what is left of its time', () => {
    const polling = new PollingState(50);
    expect(polling.warm).toBe(false);
    expect(polling.spinMicroseconds(0)).toBe(50_000);
    expect(polling.spinMicroseconds(49.9995)).toBe(1);
    expect(polling.spinMicroseconds(60)).toBe(0);
  });

  test('falls asleep once its time is over, and says so once', () => {
    const polling = new PollingState(50);
    expect(polling.update(49.9)).toBe(false);
    expect(polling.warm).toBe(false);
    expect(polling.update(50)).toBe(true);
    expect(polling.warm).toBe(true);
    expect(polling.update(80)).toBe(false);
  });

  test('is hot again after work', () => {
    const polling = new PollingState(50);
    polling.update(100);
    expect(polling.update(0)).toBe(false);
    expect(polling.warm).toBe(false);
    expect(polling.update(50)).toBe(true);
  });

  test('looks at its state at least once a second, whatever the timeout', () => {
    expect(new PollingState(3_600_000).spinMicroseconds(0)).toBe(1_000_000);
  });
});
