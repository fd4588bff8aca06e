export const engineNames = ['docker', 'podman', 'containerd', 'cri-o'] as const;
export type EngineName = (typeof engineNames)[number];

/** A container engine and the unix socket that it listens on. */
export type EngineSocket = { readonly name: EngineName; readonly path: string };

/** Reads `containerd=/run/other/containerd.sock`; `undefined` when it is not of that form. */
export function readEngineSocket(text: string): EngineSocket | undefined {
  const at = text.indexOf('=');
  const name = engineNames.find((each) => each === text.slice(0, at));
  const path = text.slice(at + 1);
  return name === undefined || !path.startsWith('/') ? undefined : { name, path };
}
