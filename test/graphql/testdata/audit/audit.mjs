// Audits a GraphQL endpoint against the GraphQL-over-HTTP specification:
//
//   URL=http://127.0.0.1:8000/graphql AUTHORIZATION='Bearer …' node audit.mjs
//
// It prints one line of JSON for each audit: its id, its name, whether it
// passed, and why it did not.
import { serverAudits } from 'graphql-http';

const { URL: url, AUTHORIZATION: authorization } = process.env;
const authorized = (input, init = {}) =>
  fetch(input, { ...init, headers: { ...init.headers, authorization }, signal: AbortSignal.timeout(10_000) });

for (const audit of serverAudits({ url, fetchFn: authorized })) {
  const result = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, passed: result.status === 'ok', reason: result.reason }));
}
