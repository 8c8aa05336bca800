// A real OpenID provider for the sign-in tests: one client, authorization code with PKCE, a login page that takes an e-mail address.
//
//   node provider.mjs
//
// Environment (all optional):
//   OIDC_PORT           the port to listen on; a free one if unset
//   OIDC_CLIENT_ID      default "plumbline"
//   OIDC_CLIENT_SECRET  default "not-a-real-secret"
//   OIDC_REDIRECT_URIS  comma-separated; default http://127.0.0.1:8080/sign-in/oidc/callback
//   OIDC_MODULES        the node_modules folder that holds oidc-provider; else Node's own lookup
//
// Prints one JSON line with the issuer when it is ready, and stops when its parent does. An address whose local part starts
// with "unverified" is one that the provider has not verified. Any password is right.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const env = process.env;
const clientId = env.OIDC_CLIENT_ID ?? 'plumbline';
const clientSecret = env.OIDC_CLIENT_SECRET ?? 'not-a-real-secret';
const redirectUris = (env.OIDC_REDIRECT_URIS ?? 'http://127.0.0.1:8080/sign-in/oidc/callback').split(',');

async function loadProvider() {
  if (!env.OIDC_MODULES) return (await import('oidc-provider')).Provider;
  const require = createRequire(join(env.OIDC_MODULES, 'lab.cjs'));
  return (await import(pathToFileURL(require.resolve('oidc-provider')))).Provider;
}

// The address is the account; its name is the local part in words.
function findAccount(_ctx, email) {
  const local = email.split('@')[0];
  return {
    accountId: email,
    claims: () => ({
      sub: email,
      email,
      email_verified: !local.startsWith('unverified'),
      name: local.split(/[._-]/).map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join(' '),
    }),
  };
}

// One's own company's provider asks for no consent: whatever the client wants is granted.
async function loadExistingGrant(ctx) {
  const { client, session, params } = ctx.oidc;
  const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'lab' };
}

const configuration = {
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: redirectUris,
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  // The large providers put the address into the ID token itself.
  conformIdTokenClaims: false,
  cookies: { keys: [randomBytes(16).toString('hex')] },
  features: { devInteractions: { enabled: true } },
  findAccount,
  jwks: { keys: [signingKey()] },
  loadExistingGrant,
  pkce: { required: () => true },
};

const Provider = await loadProvider();
const server = createServer();
server.listen(Number(env.OIDC_PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
server.on('request', new Provider(issuer, configuration).callback());
console.log(JSON.stringify({ issuer, client_id: clientId, client_secret: clientSecret, redirect_uris: redirectUris }));

const parent = process.ppid;
setInterval(() => process.ppid === parent || process.exit(0), 1000);
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(0));
