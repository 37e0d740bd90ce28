// An Express service that accepts Inwren's access tokens.
import express from "express";
import { authenticate, Refused } from "./verify.mjs";

/** Accepts a request with a valid token and puts its claims into `request.claims`. */
async function authenticated(request, response, next) {
  try {
    request.claims = await authenticate(request.get("Authorization"));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return response.set(error.headers).sendStatus(error.statusCode);
  }
  next();
}

const app = express();

app.get("/me", authenticated, (request, response) => {
  response.json({ sub: request.claims.sub });
});

const server = app.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", (error) => {
  if (error) throw error;
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
