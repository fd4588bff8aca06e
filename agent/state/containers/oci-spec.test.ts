import { describe, expect, it } from 'vitest';
import { readSpec } from './oci-spec.ts';

const all = ['CAP_CHOWN', 'CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO'];
const privileged = {
  ociVersion: '1.0.2',
  process: { args: ['sh'], capabilities: { bounding: all } },
  linux: { namespaces: [{ type: 'pid' }], resources: { devices: [{ allow: true, access: 'rwm' }] } },
};
const { linux } = privileged;

describe('privileged, by the OCI specification', () => {
  it.for([
    { name: 'all of it', spec: privileged, expected: true },
    { name: 'a filter', spec: { ...privileged, linux: { ...linux, seccomp: {} } }, expected: false },
    {
      name: 'hidden paths',
      spec: { ...privileged, linux: { ...linux, maskedPaths: ['/proc/kcore'] } },
      expected: false,
    },
    {
      name: 'only some devices',
      spec: {
        ...privileged,
        linux: { ...linux, resources: { devices: [{ allow: true, type: 'c', major: 1, access: 'rwm' }] } },
      },
      expected: false,
    },
    {
      name: 'only SYS_ADMIN',
      spec: { ...privileged, process: { capabilities: { bounding: ['CAP_SYS_ADMIN'] } } },
      expected: false,
    },
    {
      name: 'podman’s own word',
      spec: { ...privileged, annotations: { 'io.podman.annotations.privileged': 'FALSE' } },
      expected: false,
    },
  ])('$name: $expected', ({ spec, expected }) => expect(readSpec(spec)?.privileged).toBe(expected));
});

describe('namespaces of the host', () => {
  it.for([
    { name: 'none made', namespaces: [], expected: true },
    { name: 'one made', namespaces: [{ type: 'network' }], expected: false },
    { name: 'one joined by name', namespaces: [{ type: 'network', path: '/run/netns/cni-1' }], expected: false },
    { name: 'one joined by process', namespaces: [{ type: 'network', path: '/proc/1/ns/net' }], expected: undefined },
  ])('$name: $expected', ({ namespaces, expected }) =>
    expect(readSpec({ ...privileged, linux: { namespaces } })?.hostNetwork).toBe(expected),
  );
});

describe('documents that are no specification', () => {
  it.for([undefined, null, [], 'x', {}, { ociVersion: 1 }])('%j', (document) =>
    expect(readSpec(document)).toBeUndefined(),
  );
});
