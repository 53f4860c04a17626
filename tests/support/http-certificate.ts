import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate for this host that nobody has signed. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Why no certificate can be made here; `undefined` where one can. */
export const certificateObstacle = existsSync('/usr/bin/openssl') ? undefined : 'openssl is not installed';

/** Makes a key and a certificate for 127.0.0.1 in a folder. */
export function makeCertificate(folder: string): Certificate {
  const [certFile, keyFile] = [join(folder, 'server.pem'), join(folder, 'server.key')];
  const subject = ['-subj', '/CN=rfaas-test', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const files = ['-keyout', keyFile, '-out', certFile];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...subject, ...files], { stdio: 'pipe' });
  chmodSync(keyFile, 0o600);
  return { certFile, keyFile };
}
