// A Fastify service that accepts Inwren's access tokens.
import Fastify from "fastify";
import { authenticate } from "./verify.mjs";

/** Accepts a request with a valid token and puts its claims into `request.claims`. Fastify returns the status of Refused. */
async function authenticated(request) {
  request.claims = await authenticate(request.headers.authorization);
}

const app = Fastify();

app.decorateRequest("claims", null);

app.get("/me", { onRequest: authenticated }, async (request) => {
  return { sub: request.claims.sub };
});

const address = await app.listen({ port: Number(process.env.PORT ?? 8080), host: "127.0.0.1" });
console.log(`listening on ${address}`);
