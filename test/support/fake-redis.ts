/** A server that speaks Redis's protocol just so far as a test says, to show what real ones are not easily made to do. */

import type { Socket } from "node:net";
import { createServer } from "node:net";

/** A listening fake. */
export interface FakeRedis extends AsyncDisposable {
  /** Its port on the loopback interface. */
  readonly port: number;
  /** How many connections were made to it so far. */
  connections(): number;
}

/** Starts one that does what it is told with each connection. */
export async function startFake(onConnection: (socket: Socket) => void): Promise<FakeRedis> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start the fake: it has no port");
  return {
    port: address.port,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Starts one that answers `INFO` with the given text, and everything else with `OK`. */
export function startFakeRedis(info: string): Promise<FakeRedis> {
  return startFake((socket) => {
    socket.setEncoding("utf8").on("data", (text) => {
      for (const name of String(text).matchAll(/\*\d+\r\n\$\d+\r\n([a-z]+)\r\n/gi)) {
        socket.write(name[1]?.toLowerCase() === "info" ? `$${info.length}\r\n${info}\r\n` : "+OK\r\n");
      }
    });
  });
}
