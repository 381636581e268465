// A small HTTPS server on Node's tls: node server.js PORT CERTIFICATE KEY [no-tickets] [store MILLISECONDS], with a store
// for sessions outside the process that takes its time.

const { constants } = require("crypto");
const fs = require("fs");
const https = require("https");

const [port, certificate, key, ...options] = process.argv.slice(2);

const server = https.createServer(
  {
    cert: fs.readFileSync(certificate),
    key: fs.readFileSync(key),
    secureOptions: options.includes("no-tickets") ? constants.SSL_OP_NO_TICKET : 0,
  },
  (request, response) => response.end("hello\n"),
);

const place = options.indexOf("store");
if (place >= 0) {
  const sessions = new Map();
  const pause = Number(options[place + 1]);
  server.on("newSession", (id, session, done) => {
    sessions.set(id.toString("hex"), session);
    setTimeout(done, pause);
  });
  server.on("resumeSession", (id, done) => {
    setTimeout(() => done(null, sessions.get(id.toString("hex")) || null), pause);
  });
}

server.on("tlsClientError", () => {});
server.listen(Number(port), "127.0.0.1");
