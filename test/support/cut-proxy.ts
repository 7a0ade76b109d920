/** A way to a server that can be cut without a word, as a failing network does. */

import type { Socket } from "node:net";
import { connect, createServer } from "node:net";

/** A listening proxy. */
export interface CutProxy extends AsyncDisposable {
  /** Its port on the loopback interface. */
  readonly port: number;
  /** Destroys every connection that goes through it; new ones may be made. */
  cut(): void;
  /** Destroys every connection as soon as the server answers on one of them: what it was asked was done, and nobody learns of it. */
  cutAtAnswer(): void;
}

/** Starts a proxy to a TCP server. */
export async function startCutProxy(target: { readonly host: string; readonly port: number }): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let answersAreLost = false;
  const cut = (): void => {
    answersAreLost = false;
    for (const socket of [...sockets]) socket.destroy();
  };
  const server = createServer((near) => {
    const far = connect(target.port, target.host);
    // Before the pipe sees it.
    far.on("data", () => {
      if (answersAreLost) cut();
    });
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from);
      from.pipe(to);
      // Which way it broke does not matter: both ends close.
      from.on("error", () => to.destroy()).on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot start the proxy: it has no port");
  return {
    port: address.port,
    cut,
    cutAtAnswer: () => {
      answersAreLost = true;
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
