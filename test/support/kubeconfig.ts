/** A file for `--kubeconfig` that leads to this server. */
export const kubeconfigOf = (url: URL, token: string): string => `
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "${url.origin}"}}]
users: [{name: test, user: {token: ${token}}}]
`;
