import type { Protection } from '../config/protection.ts';
import type { CgroupContainer } from '../state/containers/cgroup.ts';
import type { Container } from '../state/containers/container.ts';
import { toFacts } from './container-target.ts';
import { refuseContainer } from './guard.ts';

/** Containers whose groups are remembered until they are known; beyond, the oldest is forgotten and stays spared. */
const MOST_WAITING = 4_096;

export type ClearanceOptions = {
  readonly protection: Protection;
  readonly see: (named: CgroupContainer) => Container;
  /** Tells the kernel what the guard rails say of a cgroup. */
  readonly tell: (cgroup: number, verdict: 'cleared' | 'protected') => void;
};

export type Clearance = {
  /** This cgroup is the container's. */
  learned(cgroup: number, named: CgroupContainer): void;
  /** An engine has answered for it, or will not. */
  settled(container: Container): void;
};

/** Tells the kernel in which containers a reflex may kill. Of what cannot be told, nothing is said: it is spared. */
export function makeClearance({ protection, see, tell }: ClearanceOptions): Clearance {
  const waiting = new Map<string, { readonly named: CgroupContainer; readonly cgroups: Set<number> }>();
  const judge = (named: CgroupContainer, container: Container, cgroups: Iterable<number>) => {
    const { details, status } = container;
    const isRefused = refuseContainer(toFacts(named, details), protection) !== undefined;
    // More may become known of it, and then it is judged again.
    if (isRefused && (status !== 'known' || details === undefined)) return;
    for (const cgroup of cgroups) tell(cgroup, isRefused ? 'protected' : 'cleared');
  };
  return {
    learned(cgroup, named) {
      const container = see(named);
      if (container.status !== 'waiting') return judge(named, container, [cgroup]);
      const known = waiting.get(named.id);
      if (known !== undefined) {
        known.cgroups.add(cgroup);
        return;
      }
      waiting.set(named.id, { named, cgroups: new Set([cgroup]) });
      const [oldest] = waiting.keys();
      if (waiting.size > MOST_WAITING && oldest !== undefined) waiting.delete(oldest);
    },
    settled(container) {
      const found = waiting.get(container.id);
      if (found === undefined) return;
      waiting.delete(container.id);
      judge(found.named, container, found.cgroups);
    },
  };
}
