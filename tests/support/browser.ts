import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const executablePath = '/usr/bin/chromium';

/** Why no page can be opened here; `undefined` where one can. */
export const browserObstacle = existsSync(executablePath) ? undefined : "Debian's chromium is not installed";

/** Starts the system's Chromium without a window. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath });
}
