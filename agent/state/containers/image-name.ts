export type ImageName = {
  readonly image: string | undefined;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
};

/** `registry:5000/team/app:1.2@sha256:…` in its parts. A tag has no `/`, so a registry's port is none; an id is no name. */
export function splitImage(image: string | undefined): ImageName {
  const nothing = { image, repository: undefined, tag: undefined, digest: undefined };
  if (image === undefined || image === '' || /^(sha256:)?[0-9a-f]{12,64}$/.test(image)) return nothing;
  const at = image.indexOf('@');
  const digest = at < 0 ? undefined : image.slice(at + 1);
  const name = at < 0 ? image : image.slice(0, at);
  const colon = name.lastIndexOf(':');
  if (colon < 0 || name.includes('/', colon)) return { image, repository: name, tag: undefined, digest };
  return { image, repository: name.slice(0, colon), tag: name.slice(colon + 1), digest };
}
