import { createMiddleware } from 'hono/factory';
import { OPERATOR } from '../config/people-settings.ts';

/** What routes know of a request: whose token it brought. */
export type Known = { Variables: { person: string } };

/** What people do with tokens of their own, beside looking. */
const forPeople = /^\/api\/(approvals|pages|silences)(\/|$)/;

/** Answers 401 to whoever brings no token. Only the router's own is for everything. */
export function requireToken(identify: (authorization: string | undefined) => string | undefined) {
  return createMiddleware<Known>(async (context, next) => {
    const { req } = context;
    const person = identify(req.header('authorization'));
    if (person === undefined) {
      context.header('WWW-Authenticate', 'Bearer');
      return context.json(
        { error: 'expected the header `Authorization: Bearer TOKEN`; the token is in the data folder' },
        401,
      );
    }
    const isLook = req.method === 'GET' && !req.path.startsWith('/api/evidence/');
    if (person !== OPERATOR && !isLook && !forPeople.test(req.path))
      return context.json({ error: `this takes the router's own token, not that of ${person}` }, 403);
    context.set('person', person);
    return next();
  });
}
