import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Agent, startAgent } from '../support/agent.ts';
import { makeFolder } from './recorder.ts';

const run = promisify(execFile);
const folder = makeFolder();

/** Users that are in no file that the agent knows: a real module of NSS (Debian's libnss-extrausers) has them. */
const FAR = '424242';
const FAR_GROUP = '434343';
const STRANGER = '424299';

const rules = `
- rule: Named
  desc: d
  condition: evt.type = execve and proc.args contains "${folder.path}" and user.name = far-user
  output: "%user.name %user.uid %user.homedir %user.shell %group.name %proc.name"
  priority: INFO
- rule: Others
  desc: d
  condition: evt.type = execve and proc.args contains "${folder.path}" and not user.name = far-user
  output: "%user.name %user.uid %group.name %proc.name"
  priority: INFO
`;

/** The machine's own files stay as they are: the agent has mounts of its own. */
const ownFiles =
  'mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf && mount --bind "$1" /var/lib/extrausers && shift && exec "$@"';

let agent: Agent;
beforeAll(async () => {
  const write = (name: string, text: string) => writeFileSync(join(folder.path, name), text);
  write('nsswitch.conf', 'passwd: files extrausers\ngroup: files extrausers\n');
  write('passwd', `far-user:x:${FAR}:${FAR_GROUP}:Far:/srv/far:/bin/dash\n`);
  write('group', `far-group:x:${FAR_GROUP}:\n`);
  write('lanner.yaml', 'nss: true\n');
  const through = ['unshare', '--mount', '--propagation', 'private', '/bin/sh', '-c', ownFiles, 'sh', folder.path];
  agent = await startAgent(rules, ['--config', join(folder.path, 'lanner.yaml')], through);
});
afterAll(async () => {
  await agent.close();
  folder.remove();
});

const runAs = (uid: string, gid: string, program: string) =>
  run('setpriv', ['--reuid', uid, '--regid', gid, '--clear-groups', program, folder.path]).catch(() => undefined);

it('a user of NSS has a name at the very first event, and root from the files', async () => {
  await runAs(FAR, FAR_GROUP, '/bin/ls');
  const first = await agent.alert('of the user', ({ rule }) => rule === 'Named');
  expect(first.output).toContain(`far-user ${FAR} /srv/far /bin/dash far-group ls`);
  await run('/bin/ls', [folder.path]);
  const root = await agent.alert('of root', ({ output }) => output.includes('root 0 root ls'));
  expect(root.rule).toBe('Others');
  // Whoever ran before had a name, too: nothing was matched without.
  expect(agent.alerts().filter(({ output }) => output.includes(`<NA> ${FAR}`))).toEqual([]);
});

it('a number that is nobody’s has no name', async () => {
  await runAs(STRANGER, FAR_GROUP, '/bin/ls');
  const alert = await agent.alert('of the stranger', ({ output }) => output.includes(STRANGER));
  expect(alert).toMatchObject({ rule: 'Others' });
  expect(alert.output).toContain(`<NA> ${STRANGER} far-group ls`);
});
