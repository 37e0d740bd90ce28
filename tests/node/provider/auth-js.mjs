// A web application that logs users in with Auth.js. The test writes the recipe for Next.js to recipe.mjs.
import express from "express";
import { listen } from "./listen.mjs";
import { auth, handlers } from "./recipe.mjs";

const app = express();
app.use("/api/auth", handlers);
app.get("/", async (request, response) => response.json(await auth(request)));

listen(app, process.env.URL);
