import { createHash, timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';

/** Whether an `Authorization` header holds the token. Hashes are compared, so neither length nor time tells anything. */
export function makeGuard(token: string): (authorization: string | undefined) => boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const wanted = digest(`Bearer ${token}`);
  return (authorization) => authorization !== undefined && timingSafeEqual(digest(authorization), wanted);
}

/** Answers 401 to whoever does not bring the token. */
export function requireToken(isAllowed: (authorization: string | undefined) => boolean) {
  return createMiddleware(async (context, next) => {
    if (!isAllowed(context.req.header('authorization'))) {
      context.header('WWW-Authenticate', 'Bearer');
      return context.json(
        { error: 'expected the header `Authorization: Bearer TOKEN`; the token is in the data folder' },
        401,
      );
    }
    return next();
  });
}
