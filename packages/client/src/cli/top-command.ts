import { setTimeout as delay } from 'node:timers/promises';
import { errorMessage, integerOption, parseOptions, type MainContext } from '@rfaas/core';
import type { Command } from 'commander';
import { z } from 'zod';
import { lease, node, stats, understand, type StatsAnswer } from './manager-answers.ts';
import { askManager } from './manager-http.ts';
import { addManagerOptions, managerOptions } from './manager-options.ts';
import { ratesBetween, topLines, type TopSample } from './top-view.ts';

const topOptions = managerOptions.extend({
  interval: integerOption(100, 3_600_000),
  count: integerOption(1).optional(),
});

/** The other screen of a terminal, without a cursor, and back to what was there before. */
const enterScreen = '\x1b[?1049h\x1b[?25l';
const leaveScreen = '\x1b[?25h\x1b[?1049l';
/** From the top, each line cleared to its end, and what is below the last one. */
const home = '\x1b[H';
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';

/** `rfaas top`: the cluster, live. */
export function addTopCommand(program: Command, context: MainContext): void {
  const top = program
    .command('top')
    .description('watch the cluster: nodes, leases, rates and latencies; Ctrl-C ends it')
    .option('-i, --interval <ms>', 'how often to look', '2000')
    .option('-n, --count <count>', 'how often to look in all (default: until it is ended)');
  addManagerOptions(top, [
    ['rfaas top', 'live, in the terminal'],
    ['rfaas top -n 1', 'one look, as text'],
    ['rfaas top --json -i 10000 >> cluster.jsonl', 'a line of JSON every ten seconds'],
  ]).action(async (values: unknown) => watch(parseOptions(topOptions, values), context));
}

async function watch(options: z.output<typeof topOptions>, context: MainContext): Promise<void> {
  // The first look fails in the ordinary way; later ones are shown and tried again.
  let sample: TopSample | Error = await look(options, context);
  const isLive = process.stdout.isTTY === true && !options.json && options.count !== 1;
  let before: StatsAnswer | undefined;
  if (isLive) process.stdout.write(enterScreen);
  try {
    for (let round = 1; !context.signal.aborted; round += 1) {
      const lines = options.json ? jsonLine(sample) : textLines(sample, before, isLive);
      if (isLive) drawScreen(lines);
      else context.print(lines.join('\n'));
      before = sample instanceof Error ? before : sample.stats;
      if (round === options.count || !(await pause(options.interval, context.signal))) return;
      sample = await look(options, context).catch((error: Error) => error);
    }
  } finally {
    if (isLive) process.stdout.write(leaveScreen);
  }
}

function textLines(sample: TopSample | Error, before: StatsAnswer | undefined, isLive: boolean): string[] {
  if (sample instanceof Error) return [`${errorMessage(sample)}; asking again`];
  // Not every terminal tells its size: some say 0.
  const columns = process.stdout.columns || 160;
  const rows = process.stdout.rows || 40;
  const lines = topLines(sample, ratesBetween(before, sample.stats), { columns, rows: isLive ? rows : 1000 });
  return isLive ? lines : [...lines, ''];
}

function jsonLine(sample: TopSample | Error): string[] {
  return [JSON.stringify(sample instanceof Error ? { error: errorMessage(sample) } : sample)];
}

function drawScreen(lines: readonly string[]): void {
  const text = lines.map((line) => `${line}${clearLine}`).join('\n');
  process.stdout.write(`${home}${text}${clearBelow}`);
}

/** False once the program is to end. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(milliseconds, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

async function look(options: z.output<typeof topOptions>, context: MainContext): Promise<TopSample> {
  const [statsAnswer, nodes, leases] = await Promise.all(
    ['stats', 'nodes', 'leases'].map(async (path) => askManager(options, { path }, context)),
  );
  return {
    stats: understand(stats, statsAnswer, 'figures'),
    nodes: understand(z.array(node), nodes, 'nodes'),
    leases: understand(z.array(lease), leases, 'leases'),
  };
}
