// Loaded in front of a server: its wall clock, Date.now, is ahead of the host's by the milliseconds in a file, which is read
// at each look, so that a test sets the clock of a process as somebody might set that of a host.
import { readFileSync } from 'node:fs';

const file = process.env.RFAAS_TEST_CLOCK;
const now = Date.now;
Date.now = () => now() + Number(readFileSync(file, 'utf8'));
