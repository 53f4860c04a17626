// A local npm registry for one test run: `node registry-server.mjs STORAGE UPLINK`. Prints one JSON line with its
// address and ends when standard input does. Packages of this project stay here, all others come from the uplink.
import { join } from 'node:path';
import { runServer } from 'verdaccio';

const [storage, uplink] = process.argv.slice(2);
const own = {
  access: '$all',
  publish: '$anonymous',
  unpublish: '$anonymous',
};
const server = await runServer({
  self_path: storage,
  storage: join(storage, 'packages'),
  auth: { htpasswd: { file: join(storage, 'htpasswd'), max_users: -1 } },
  uplinks: { configured: { url: uplink, timeout: '60s', max_fails: 100 } },
  packages: { '@rfaas/*': own, rfaas: own, 'rfaas-*': own, '**': { access: '$all', proxy: 'configured' } },
  web: { enable: false },
  log: { type: 'stderr', level: 'error', format: 'pretty' },
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/` })}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
