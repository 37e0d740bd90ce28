// What the recipe for Next.js imports, for Express: both run Auth.js.
import { ExpressAuth, getSession } from "@auth/express";

export default function NextAuth(config) {
  const trusting = { ...config, trustHost: true, secret: "for tests" };
  return { handlers: ExpressAuth(trusting), auth: (request) => getSession(request, trusting) };
}
