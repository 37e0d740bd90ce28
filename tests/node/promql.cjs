// Reads a JSON list of PromQL queries, and tells of each what Prometheus' own grammar does not understand.
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
