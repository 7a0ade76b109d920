import type { Cluster, Redis } from "ioredis";
import { withDeadline } from "../../time/sleep.ts";

/** Whether a client is connected to one server, and not to the nodes of a cluster. */
export function isSingle(client: Redis | Cluster): client is Redis {
  return !client.isCluster;
}

/** Closes a connection after the commands under way, or at a deadline. */
export async function hangUp(client: Redis | Cluster, deadlineMs: number): Promise<void> {
  if (client.status === "ready") await withDeadline(client.quit(), deadlineMs).catch(() => {});
  if (client.status !== "end") client.disconnect();
}
