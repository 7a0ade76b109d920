/** A free TCP port on the loopback interface. */

import { once } from "node:events";
import { createServer } from "node:net";

/** Finds a port that nobody listens on now; another process may still take it first, so a server's start is tried again with another one. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("Cannot find a free port: the listener has no port");
  return address.port;
}
