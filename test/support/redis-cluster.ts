/** A private Redis Cluster for tests: three servers, each with a third of the slots, and no replicas. */

import { setTimeout as pass } from "node:timers/promises";
import { Redis } from "ioredis";
import { freePort } from "./port.ts";
import type { RedisServer, StartRedisOptions } from "./redis-server.ts";
import { startRedis } from "./redis-server.ts";

/** A running private cluster. Dispose of it, or end the process: nothing is left behind. */
export interface RedisCluster extends AsyncDisposable {
  /** The URL of each node. */
  readonly urls: readonly string[];
  /** The nodes. */
  readonly nodes: readonly RedisServer[];
  /** Stops the nodes and removes their folders. */
  stop(): Promise<void>;
}

const NODES = 3;
const SLOTS = 16_384;
const startDeadlineMs = 15_000;

/** Starts a private cluster; throws when this machine has no program for it. */
export async function startRedisCluster(options: StartRedisOptions = {}): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const stop = async () => void await Promise.all(nodes.map((node) => node.stop()));
  try {
    // The usual port of the bus, 10,000 above the other one, may not exist.
    for (let at = 0; at < NODES; at += 1) {
      const busPort = String(await freePort());
      const settings = { ...options.settings, "cluster-enabled": "yes", "cluster-port": busPort, "cluster-node-timeout": "5000" };
      nodes.push(await startRedis({ ...options, settings }));
    }
    await join(nodes);
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: nodes.map(({ url }) => url), nodes, stop, [Symbol.asyncDispose]: stop };
}

/** Gives each node its slots, lets the nodes meet, and waits until every one of them knows all others. */
async function join(nodes: readonly RedisServer[]): Promise<void> {
  const clients = nodes.map(({ url }) => new Redis(url));
  try {
    const [first, ...others] = clients;
    if (first === undefined) return;
    for (const [at, client] of clients.entries()) {
      const [from, to] = [at, at + 1].map((third) => Math.floor(third * SLOTS / clients.length));
      await client.call("CLUSTER", "ADDSLOTSRANGE", String(from), String(Number(to) - 1));
      await client.call("CLUSTER", "SET-CONFIG-EPOCH", String(at + 1));
    }
    for (const [at, client] of others.entries()) {
      const bus = await client.config("GET", "cluster-port");
      await first.call("CLUSTER", "MEET", "127.0.0.1", String(nodes[at + 1]?.port), String(Array.isArray(bus) ? bus[1] : ""));
    }
    await Promise.all(clients.map(untilWhole));
  } finally {
    for (const client of clients) client.disconnect();
  }
}

async function untilWhole(client: Redis): Promise<void> {
  for (const deadline = performance.now() + startDeadlineMs;;) {
    const info = String(await client.call("CLUSTER", "INFO"));
    if (info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${NODES}`)) return;
    if (performance.now() > deadline) throw new Error(`Cannot start a cluster: it was not whole after ${startDeadlineMs} ms\n${info}`);
    await pass(50);
  }
}
