import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readInCluster, readKubeconfig } from './kubernetes.ts';

const folder = mkdtempSync(join(tmpdir(), 'lanner-kube-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const config = (user: string) => `
apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: other, context: {cluster: none, user: none}}
- {name: here, context: {cluster: c, user: u, namespace: default}}
clusters:
- {name: c, cluster: {server: "https://10.0.0.1:6443", certificate-authority: ca.pem}}
users:
- {name: u, user: ${user}}
`;

describe('access to the API server', () => {
  it('is a pod’s own service account inside a cluster', () => {
    write('ca.crt', 'CA');
    write('token', 'first\n');
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    const access = readInCluster(environment, folder);
    expect(access?.url).toEqual(new URL('https://[fd00::1]:6443'));
    expect(access?.certificates()).toMatchObject({ ca: 'CA' });
    expect(access?.token?.()).toBe('first');
    write('token', 'second\n');
    expect(access?.token?.()).toBe('second');
    write('ca.crt', 'CA of tomorrow');
    expect(access?.certificates()).toMatchObject({ ca: 'CA of tomorrow' });
    expect(readInCluster({}, folder)).toBeUndefined();
    expect(readInCluster(environment, join(folder, 'absent'))).toBeUndefined();
  });

  it('is the current context of a kubeconfig, with files beside it', () => {
    write('ca.pem', 'CA2');
    const data = Buffer.from('CERT').toString('base64');
    const read = readKubeconfig(write('a.yaml', config(`{client-certificate-data: ${data}, client-key: ca.pem}`)));
    expect(read).toMatchObject({ ok: true, access: { url: new URL('https://10.0.0.1:6443'), token: undefined } });
    const certificates = () => read.ok && read.access.certificates();
    expect(certificates()).toEqual({ ca: 'CA2', certificate: 'CERT', key: 'CA2' });
    write('ca.pem', 'renewed');
    expect(certificates()).toEqual({ ca: 'renewed', certificate: 'CERT', key: 'renewed' });
    const tokens = readKubeconfig(write('b.yaml', config('{token: secret}')));
    expect(tokens.ok && tokens.access.token?.()).toBe('secret');
  });

  it.for([
    { name: 'is not there', path: () => join(folder, 'absent.yaml'), reason: 'cannot be read' },
    { name: 'is no YAML', path: () => write('c.yaml', '{'), reason: 'expected' },
    {
      name: 'lacks its user',
      path: () => write('d.yaml', config('{}').replace('name: u,', 'name: x,')),
      reason: 'no user',
    },
  ])('says when the file $name', ({ path, reason }) => {
    const read = readKubeconfig(path());
    expect(read.ok ? '' : read.reason).toContain(reason);
  });
});
