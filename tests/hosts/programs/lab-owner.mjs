// Makes a lab with a program that runs in it, says so in one line of JSON, and waits to be ended.
import { HostLab } from '../lab/host-lab.mjs';

const lab = await HostLab.create(['one']);
const host = lab.host('one');
const sleeper = host.spawn('sleep', ['1000'], { stdio: 'ignore' });
const facts = { namespace: host.namespace, sleeperPid: sleeper.pid, guardianPid: lab.guardianPid };
process.stdout.write(`${JSON.stringify(facts)}\n`);
