import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Client, type Lease } from '@rfaas/client';
import { deriveTenantCredential } from '@rfaas/core';
import { monitorHttpToken, tenantHttpToken } from '@rfaas/core/http';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { browserObstacle, startBrowser } from '../support/browser.ts';
import { LocalCluster } from '../support/local-cluster.ts';

const describeOrSkip = browserObstacle === undefined ? describe : describe.skip;

describeOrSkip(`the web page${browserObstacle === undefined ? '' : `: ${browserObstacle}`}`, () => {
  let cluster: LocalCluster;
  let browser: Browser;
  let alice: Client;
  let lease: Lease;
  let url: string;
  let operatorToken: string;
  let context: BrowserContext;
  let page: Page;
  /** What the page asked for, and what went wrong in it. */
  let requests: string[];
  let problems: string[];

  beforeAll(async () => {
    cluster = await LocalCluster.start([{ cores: 2 }, { cores: 4 }]);
    url = String(cluster.resourceManager.ready['httpUrl']);
    operatorToken = (await readFile(cluster.tokenFile, 'utf8')).trim();
    alice = await connectAs('alice');
    browser = await startBrowser();
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await alice?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    lease = await alice.lease({ cores: 3, memoryMiB: 512, node: 'node-1' });
    await open();
  });

  afterEach(async () => {
    await context.close();
    await lease.release();
    expect(problems).toEqual([]);
  });

  function connectAs(tenant: string): Promise<Client> {
    const credential = deriveTenantCredential(cluster.clusterKey, tenant);
    return Client.connect({ resourceManager: cluster.resourceManager.url, tenant, credential });
  }

  async function open(colorScheme: 'light' | 'dark' = 'light'): Promise<void> {
    context = await browser.newContext({ colorScheme });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    requests = [];
    problems = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      // A refused request is told here too; anything else is a mistake, such as a breach of the content policy.
      if (message.type() === 'error' && !message.text().includes('status of 4'))
        problems.push(message.text());
    });
    await page.goto(url);
  }

  async function enter(token: string): Promise<void> {
    await page.getByLabel('Token', { exact: true }).fill(token);
    await page.keyboard.press('Enter');
  }

  const row = (table: string, text: string): ReturnType<Page['locator']> =>
    page.locator(`#${table} tbody tr`).filter({ hasText: text });

  test('asks for a token, says what is wrong with one, and keeps it in its tab only', async () => {
    await enter('nonsense');
    await page.getByRole('alert').filter({ hasText: 'wrong token' }).waitFor();
    await enter(operatorToken);
    await row('nodes', 'node-0').waitFor();
    await page.reload();
    await row('nodes', 'node-0').waitFor();
    const other = await context.newPage();
    await other.goto(url);
    await other.getByLabel('Token', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await page.getByLabel('Token', { exact: true }).waitFor();
    expect(await page.evaluate('sessionStorage.length + localStorage.length + document.cookie.length')).toBe(
      0,
    );
    expect(await row('nodes', 'node-0').count()).toBe(0);
  }, 60_000);

  test('shows nodes with their cores and who holds them, and leases with the time that is left', async () => {
    await enter(operatorToken);
    await row('nodes', 'node-1').waitFor();
    expect(await row('nodes', 'node-1').innerText()).toMatch(
      /connected\s+3 of 4\s+alice 3\s+3.5 GiB of 4 GiB/,
    );
    expect(await row('nodes', 'node-1').locator('.core').count()).toBe(4);
    expect(await row('nodes', 'node-1').locator('.core.held').count()).toBe(3);
    expect(await row('leases', lease.id.slice(0, 12)).innerText()).toMatch(
      /alice\s+node-1\s+3\s+512 MiB\s+\d+\w/,
    );
    expect(await row('tenants', 'alice').innerText()).toMatch(/1\s+3/);
    const second = await alice.lease({ cores: 1, memoryMiB: 64, node: 'node-0' });
    await row('leases', second.id.slice(0, 12)).waitFor();
    await second.release();
    await row('leases', second.id.slice(0, 12)).waitFor({ state: 'detached' });
  }, 60_000);

  test('draws charts, and tells them as text', async () => {
    await enter(operatorToken);
    await row('nodes', 'node-1').waitFor();
    for (const name of [
      'Cores: leased 3, all 6',
      'Leases: open 1, queued 0',
      /^Grant latency: p50 [\d.]+ [µm]?s/,
    ]) {
      const chart = page.getByRole('img', { name });
      await chart.waitFor();
      const { width, height } = (await chart.locator('canvas').boundingBox()) ?? { width: 0, height: 0 };
      expect(Math.min(width, height)).toBeGreaterThan(50);
    }
    // Something is drawn in each: not all points of the canvas are alike.
    const drawn = await page.evaluate(`[...document.querySelectorAll('canvas')].map((canvas) =>
      new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size)`);
    expect((drawn as number[]).length).toBe(5);
    expect(Math.min(...(drawn as number[]))).toBeGreaterThan(3);
  }, 60_000);

  test('releases a lease by keyboard alone, after a question that Escape answers with no', async () => {
    await enter(operatorToken);
    const id = lease.id.slice(0, 12);
    const name = `Release lease ${id} of alice`;
    await page.getByRole('button', { name }).waitFor();
    for (let presses = 0; presses < 40 && !(await isFocused()); presses += 1)
      await page.keyboard.press('Tab');
    async function isFocused(): Promise<boolean> {
      return (await page.evaluate(`document.activeElement?.getAttribute('aria-label')`)) === name;
    }
    expect(await isFocused()).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Release this lease of alice?' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await isFocused()).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).press('Enter');
    const announcement = page.locator('#announcement:not(:empty)');
    await announcement.waitFor();
    expect(await announcement.innerText()).toBe('The lease is released');
    await row('leases', id).waitFor({ state: 'detached' });
  }, 60_000);

  test('finds nodes and leases by what is typed', async () => {
    await enter(operatorToken);
    await row('nodes', 'node-0').waitFor();
    const [nodesFilter, leasesFilter] = [page.locator('#nodes-filter'), page.locator('#leases-filter')];
    await nodesFilter.fill('ALICE');
    await row('nodes', 'node-0').waitFor({ state: 'detached' });
    expect(await row('nodes', 'node-1').count()).toBe(1);
    await nodesFilter.fill('node-0');
    await row('nodes', 'node-0').waitFor();
    await row('nodes', 'node-1').waitFor({ state: 'detached' });
    await leasesFilter.fill('nobody');
    await row('leases', lease.id.slice(0, 12)).waitFor({ state: 'detached' });
    await leasesFilter.fill('node-1');
    await row('leases', lease.id.slice(0, 12)).waitFor();
  }, 60_000);

  const announced = async (): Promise<string> => {
    const place = page.locator('#announcement:not(:empty)');
    await place.waitFor();
    return place.innerText();
  };

  test('drains a node, says how long its leases may still go on, and takes it back into service', async () => {
    await enter(operatorToken);
    await page.getByRole('button', { name: 'Drain node-1' }).click();
    const dialog = page.getByRole('dialog', { name: 'Drain node-1?' });
    await dialog.waitFor();
    expect(await dialog.innerText()).toContain('1 run there now');
    await dialog.getByLabel('Running leases may go on for').fill('600');
    await dialog.getByRole('button', { name: 'Drain' }).click();
    expect(await announced()).toBe('node-1 is draining');
    await row('nodes', 'node-1')
      .filter({ hasText: /draining, (10m|9m)/ })
      .waitFor();
    await expect(alice.lease({ cores: 1, node: 'node-1' })).rejects.toThrow(/no node that takes leases/);
    await page.getByRole('button', { name: 'Resume node-1' }).click();
    await page.locator('#announcement', { hasText: 'node-1 is back in service' }).waitFor();
    await row('nodes', 'node-1').filter({ hasText: 'connected' }).waitFor();
    await (await alice.lease({ cores: 1, node: 'node-1' })).release();
  }, 60_000);

  test('shows who waits for what, until it is there', async () => {
    await enter(operatorToken);
    await page.getByText('Nobody waits').waitFor();
    const waiting = alice.lease({ cores: 4, memoryMiB: 128, node: 'node-1', queue: { timeoutMs: 50_000 } });
    await row('queue', 'alice').waitFor();
    expect(await row('queue', 'alice').innerText()).toMatch(/alice\s+1\s+4\s+128 MiB\s+\d+\w+\s+\d+s/);
    await page.getByRole('img', { name: 'Leases: open 1, queued 1' }).waitFor();
    // An operator makes room with the button of the lease that is in the way.
    await page.getByRole('button', { name: `Release lease ${lease.id.slice(0, 12)} of alice` }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
    const granted = await waiting;
    await row('leases', granted.id.slice(0, 12)).waitFor();
    await row('queue', 'alice').waitFor({ state: 'detached' });
    await granted.release();
  }, 60_000);

  test('shows a lease on several nodes as one, and its cores on each of them', async () => {
    const wide = await alice.lease({ nodes: 2, coresPerNode: 1 });
    await enter(operatorToken);
    const line = row('leases', wide.id.slice(0, 12));
    await line.waitFor();
    expect(await line.innerText()).toMatch(/alice\s+node-\d, node-\d\s+2\s/);
    await row('nodes', 'node-0').filter({ hasText: 'alice 1' }).waitFor();
    await row('nodes', 'node-1').filter({ hasText: 'alice 4' }).waitFor();
    await line.getByRole('button', { name: /Release/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Release' }).click();
    expect(await announced()).toBe('The lease is released');
    await line.waitFor({ state: 'detached' });
    await row('nodes', 'node-0').filter({ hasText: '0 of 2' }).waitFor();
    await row('nodes', 'node-1').filter({ hasText: 'alice 3' }).waitFor();
  }, 60_000);

  test('has no button for a token that may not press it', async () => {
    await enter(monitorHttpToken(cluster.clusterKey));
    await row('leases', lease.id.slice(0, 12)).waitFor();
    expect(await page.getByRole('button', { name: /Drain|Release/ }).count()).toBe(0);
    await context.close();
    await open();
    const credential = deriveTenantCredential(cluster.clusterKey, 'alice');
    await enter(tenantHttpToken(credential, 'alice'));
    await page.getByRole('button', { name: /Release/ }).waitFor();
    expect(await page.getByRole('button', { name: /Drain/ }).count()).toBe(0);
    expect(await page.locator('#charts-section').isVisible()).toBe(false);
  }, 60_000);

  test('comes from its server alone, under a policy that lets nothing else in', async () => {
    await enter(operatorToken);
    await row('nodes', 'node-1').waitFor();
    expect([...new Set(requests.map((each) => new URL(each).origin))]).toEqual([new URL(url).origin]);
    const policy = (await page.request.get(url)).headers()['content-security-policy'] ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    const answered = await page.evaluate(`new Promise((resolve) => {
      document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
      document.head.append(Object.assign(document.createElement('script'), { textContent: 'window.stranger = 1' }));
    })`);
    expect(answered).toMatch(/^script-src/);
    problems = problems.filter((text) => !/Content Security Policy/.test(text));
  }, 60_000);

  test('says that the manager is away, and goes on when it is back', async () => {
    await enter(operatorToken);
    await row('nodes', 'node-1').waitFor();
    await page.route('**/nodes?*', (route) => route.abort());
    await page.getByText('does not answer; asking again').waitFor();
    await page.unroute('**/nodes?*');
    await page.locator('#connection', { hasText: /^live$/ }).waitFor();
    problems = problems.filter((text) => !/ERR_FAILED/.test(text));
  }, 60_000);

  test('fits a narrow screen, in dark colours too', async () => {
    await context.close();
    await open('dark');
    await page.setViewportSize({ width: 400, height: 800 });
    await enter(operatorToken);
    await row('nodes', 'node-1').waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    const contrast = await page.evaluate(`(() => {
      const light = (color) => {
        const [r, g, b] = color.match(/\\d+/g).map((part) => part / 255).map((part) =>
          part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const { color } = getComputedStyle(document.body);
      const { backgroundColor } = getComputedStyle(document.body);
      const [a, b] = [light(color), light(backgroundColor)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    })()`);
    expect(contrast).toBeGreaterThan(7);
  }, 60_000);
});
