// A certified provider with one client and the accounts of a file, read at every sign-in. Words: port, file, redirect address, algorithm.
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Provider } = await import(createRequire(process.cwd() + "/").resolve("oidc-provider")).then((m) => ({ Provider: m.default }));
const [port, accounts, redirect, alg] = process.argv.slice(2);
const key = alg === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("rsa", { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "z4j", client_secret: "a secret of the brain", redirect_uris: [redirect], id_token_signed_response_alg: alg }],
  jwks: { keys: [{ ...key.privateKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg }] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
  scopes: ["openid", "email", "profile", "groups"],
  pkce: { required: () => true },
  cookies: { keys: ["of this test alone"] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256"] },
  async findAccount(_, sub) {
    const claims = JSON.parse(readFileSync(accounts))[sub];
    return claims && { accountId: sub, claims: async () => ({ sub, ...claims }) };
  },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listens"));
