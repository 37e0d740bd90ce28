// Reads a JSON list of PromQL queries, and prints the syntax errors that Prometheus' own grammar finds in them.
const { parser } = require("@prometheus-io/lezer-promql");

let input = "";
process.stdin.on("data", (data) => (input += data));
process.stdin.on("end", () => {
  const wrong = [];
  for (const query of JSON.parse(input)) {
    parser.parse(query).iterate({
      enter(node) {
        if (node.type.isError) wrong.push({ query, at: node.from });
      },
    });
  }
  console.log(JSON.stringify(wrong));
});
