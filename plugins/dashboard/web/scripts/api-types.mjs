// Makes src/api/schema.d.ts from the brain's OpenAPI document.
//   npm run api-types -- FILE                            a saved document
//   Z4J_BRAIN=http://127.0.0.1:7700 Z4J_COOKIE='z4j_session=...' npm run api-types     a running brain (signed in)
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

async function document() {
  if (process.argv[2]) return JSON.parse(await readFile(process.argv[2], "utf8"));
  const brain = process.env.Z4J_BRAIN ?? "http://127.0.0.1:7700";
  const answer = await fetch(`${brain}/api/v1/openapi.json`, { headers: process.env.Z4J_COOKIE ? { cookie: process.env.Z4J_COOKIE } : {} });
  if (!answer.ok) throw new Error(`${brain} answered ${answer.status}: give a file, or Z4J_COOKIE of somebody signed in`);
  return answer.json();
}

const api = await document();
// Every operation repeats the same refusals; the client has one type for them.
for (const operations of Object.values(api.paths))
  for (const operation of Object.values(operations))
    if (operation.responses) operation.responses = Object.fromEntries(Object.entries(operation.responses).filter(([status]) => status < "400"));

await writeFile(new URL("../src/api/schema.d.ts", import.meta.url), "// Made by `npm run api-types` from the brain's OpenAPI document. Not edited by hand.\n/* eslint-disable */\n" + astToString(await openapiTS(api)));
