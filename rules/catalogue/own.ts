import type { FieldTable } from '../language/catalogue.ts';

/** Fields that only Lanner has: a rule that names one does not load in Falco. */
export const ownFields = {
  'evt.is_io_uring': { type: 'BOOL', doc: 'whether the call was made through io_uring' },
  'k8s.sa.name': { type: 'CHARBUF', doc: 'Kubernetes service account that the pod runs as' },
  'k8s.daemonset.name': { type: 'CHARBUF', doc: 'Kubernetes daemon set that owns the pod' },
  'k8s.daemonset.id': { type: 'CHARBUF', doc: 'uid of the daemon set that owns the pod' },
  'k8s.statefulset.name': { type: 'CHARBUF', doc: 'Kubernetes stateful set that owns the pod' },
  'k8s.statefulset.id': { type: 'CHARBUF', doc: 'uid of the stateful set that owns the pod' },
  'k8s.job.name': { type: 'CHARBUF', doc: 'Kubernetes job that owns the pod' },
  'k8s.job.id': { type: 'CHARBUF', doc: 'uid of the job that owns the pod' },
  'k8s.cronjob.name': { type: 'CHARBUF', doc: 'Kubernetes cron job whose job owns the pod' },
  'k8s.cronjob.id': { type: 'CHARBUF', doc: 'uid of the cron job whose job owns the pod' },
} as const satisfies FieldTable;
