/**
 * Where a script runs. A script is shell text for busybox or dash; `act` and `as NAME` in it run `act.c`, the latter
 * under another name.
 */
export type Place =
  /** On the host, with /etc, /home, /root, /usr and /var of its own to write to, and a network of its own. */
  | { readonly kind: 'host' }
  /** Inside a container that runs already. */
  | { readonly kind: 'inside'; readonly container: ContainerName }
  /** As the first process of a new container with these options of `docker run`. */
  | { readonly kind: 'first'; readonly options: readonly string[] }
  /** Put into a running container by `docker exec` with these options. */
  | { readonly kind: 'exec'; readonly options: readonly string[] };

export type ContainerName = 'plain' | 'privileged' | 'pod';

export type Stimulus = { readonly place: Place; readonly script: string };

/** What must raise an alert of the rule, and what comes close and must not. */
export type Case = { readonly rule: string; readonly fire: Stimulus; readonly miss: Stimulus };

/** Rule files, loaded together, with a case for each rule but those that this machine cannot show. */
export type RuleSet = {
  readonly name: string;
  readonly paths: readonly string[];
  /** What an operator would add to the files: lists that they leave empty. */
  readonly tuning?: string;
  readonly cases: readonly Case[];
  /** Rules that the agent does not see yet, and what it lacks. They have a case, which must fail. */
  readonly unseen?: Readonly<Record<string, string>>;
  /** Rules that truly cannot fire here, and why. */
  readonly impossible?: Readonly<Record<string, string>>;
};

export const host = (script: string): Stimulus => ({ place: { kind: 'host' }, script });

export const inside = (script: string, container: ContainerName = 'plain'): Stimulus => ({
  place: { kind: 'inside', container },
  script,
});

export const privileged = (script: string): Stimulus => inside(script, 'privileged');

export const first = (options: readonly string[], script = ':'): Stimulus => ({
  place: { kind: 'first', options },
  script,
});

export const exec = (options: readonly string[], script: string): Stimulus => ({
  place: { kind: 'exec', options },
  script,
});
