// Inside a Node function every name of AWS leads to Pileus, for clients that know no AWS_ENDPOINT_URL too.
//
// Every connection of http, https, tls and fetch passes Socket.prototype.connect, after the name to verify has been
// noted; so changing address and port here leaves the check of the certificate as it is.
"use strict";
const net = require("node:net");

const SUFFIXES = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".on.aws"];

function redirected(names, options) {
  const host = String(options.host ?? "").toLowerCase().replace(/\.$/, "");
  if (!SUFFIXES.some((suffix) => host.endsWith(suffix))) return options;
  const [http, https] = names;
  const target = Number(options.port) === 443 ? https : Number(options.port) === 80 ? http : null;
  return target ? { ...options, host: target[0], port: target[1] } : options;
}

exports.install = function (names) {
  if (!names) return;
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...given) {
    const [first, second] = given;
    if (Array.isArray(first)) first[0] = redirected(names, first[0]); // how node's own modules call it
    else if (first && typeof first === "object") given[0] = redirected(names, first);
    else if (typeof second === "string" && !Number.isNaN(Number(first))) {
      const options = redirected(names, { port: first, host: second });
      given[0] = options.port;
      given[1] = options.host;
    }
    return connect.apply(this, given);
  };
};

// By --require, so that it is in place before anything that NODE_OPTIONS of a function may require.
exports.install(JSON.parse(process.argv.findLast((part) => part.startsWith('{"names"')) ?? "{}").names);
