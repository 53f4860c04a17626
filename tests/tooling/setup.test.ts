import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { installationMismatch } from '../../scripts/installed-packages.mjs';
import { missingRequirements } from '../../scripts/requirements.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rfaas-tooling-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('what the machine must have', () => {
  test('this machine has everything', () => {
    expect(missingRequirements()).toEqual([]);
  });

  test('an old Node is named in one line with the fix', () => {
    const [line, ...others] = missingRequirements({ version: '20.18.3' });
    expect(others).toEqual([]);
    expect(line).toMatch(/^Node 20\.18\.3 is too old: .*20\.19.*nvm install 20/);
  });

  test.each(['20.19.0', '22.0.0', '24.1.0'])('Node %s is new enough', (version) => {
    expect(missingRequirements({ version })).toEqual([]);
  });

  test('another operating system is named', () => {
    expect(missingRequirements({ platform: 'darwin' })).toEqual([
      expect.stringMatching(/^darwin is not supported/),
    ]);
  });

  test('without compiler and make the command ends with a line for each and touches nothing', () => {
    for (const program of ['node', 'npm']) symlinkSync(process.execPath, join(folder, program));
    const run = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs')], {
      env: { PATH: folder },
      encoding: 'utf8',
    });
    expect(run.status).toBe(1);
    expect(run.stdout).toBe('');
    expect(run.stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^No C compiler: "cc" is not in PATH; install one: /),
      expect.stringMatching(/^No make: .* install it: /),
    ]);
  });
});

describe('what is installed', () => {
  const wanted = {
    '': {},
    'packages/ours': {},
    'node_modules/plain': { version: '1.0.0' },
    'node_modules/other-platform': { version: '2.0.0', optional: true },
  };

  function write(installed: object): void {
    mkdirSync(join(folder, 'node_modules', 'plain'), { recursive: true });
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: wanted }));
    writeFileSync(
      join(folder, 'node_modules', '.package-lock.json'),
      JSON.stringify({ packages: installed }),
    );
  }

  test('nothing yet is a reason to install', () => {
    expect(installationMismatch(folder)).toBe('nothing is installed yet');
  });

  test('a missing optional package is none', () => {
    write({ 'node_modules/plain': { version: '1.0.0' } });
    expect(installationMismatch(folder)).toBeUndefined();
  });

  test('another version is one', () => {
    write({ 'node_modules/plain': { version: '1.0.1' } });
    expect(installationMismatch(folder)).toBe('node_modules/plain is 1.0.1, not 1.0.0');
  });

  test('a missing package is one', () => {
    write({});
    expect(installationMismatch(folder)).toBe('node_modules/plain is not installed');
  });

  test('a removed folder is one', () => {
    write({ 'node_modules/plain': { version: '1.0.0' } });
    rmSync(join(folder, 'node_modules', 'plain'), { recursive: true });
    expect(installationMismatch(folder)).toBe('node_modules/plain was removed');
  });
});
