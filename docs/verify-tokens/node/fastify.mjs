// A Fastify service that takes Inwren's access tokens.
import Fastify from "fastify";
import { authenticate } from "./verify.mjs";

/** Lets a request with a good token on, with the claims in `request.claims`. Fastify answers what Refused says. */
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
