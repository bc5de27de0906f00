// Parses an AsyncAPI document with the official parser; prints what it says against it, and exits with 1 if it is an error.
import { readFileSync } from "node:fs";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const found of diagnostics.filter((each) => each.severity <= DiagnosticSeverity.Warning)) {
  console.log(`${found.path.join(".")}: ${found.message} (${found.code})`);
}
if (document) {
  for (const channel of document.channels().all()) {
    console.error(channel.address(), channel.messages().all().map((message) => message.name()).join(" "));
  }
}
process.exit(document ? 0 : 1);
