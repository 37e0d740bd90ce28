// Starts an Express application, and tells the test when it listens. Errors of libraries become JSON.
export function listen(app, url) {
  app.use((error, request, response, next) => {
    const { message, code, error: kind, cause } = error;
    console.error(error);
    response.status(500).json({ message, code, kind, cause: String(cause ?? "") });
  });
  const { hostname, port } = new URL(url);
  app.listen(Number(port), hostname, () => console.log(`listening on ${url}`));
}
