ALTER TABLE "broadcasts"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "channel" SET DATA TYPE text collate "C",
	ALTER COLUMN "payload" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "buckets"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "key" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "dead_letters"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "id" SET DATA TYPE text collate "C",
	ALTER COLUMN "queue" SET DATA TYPE text collate "C",
	ALTER COLUMN "name" SET DATA TYPE text collate "C",
	ALTER COLUMN "reason" SET DATA TYPE text collate "C",
	ALTER COLUMN "error" SET DATA TYPE text collate "C",
	ALTER COLUMN "envelope" SET DATA TYPE text collate "C",
	DROP CONSTRAINT "dead_letters_key",
	ADD CONSTRAINT "dead_letters_key" PRIMARY KEY("id","ns");--> statement-breakpoint
ALTER TABLE "group_members"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "group_id" SET DATA TYPE text collate "C",
	ALTER COLUMN "task_id" SET DATA TYPE text collate "C",
	ALTER COLUMN "state" SET DATA TYPE text collate "C",
	ALTER COLUMN "payload" SET DATA TYPE text collate "C",
	ALTER COLUMN "encoder" SET DATA TYPE text collate "C",
	ALTER COLUMN "error" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "groups"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "id" SET DATA TYPE text collate "C",
	ALTER COLUMN "meta" SET DATA TYPE text collate "C",
	ALTER COLUMN "callback" SET DATA TYPE text collate "C",
	ALTER COLUMN "chord_owner" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "locks"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "key" SET DATA TYPE text collate "C",
	ALTER COLUMN "owner" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "paused_queues"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "queue" SET DATA TYPE text collate "C",
	ALTER COLUMN "reason" SET DATA TYPE text collate "C",
	ALTER COLUMN "paused_by" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "permits"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "key" SET DATA TYPE text collate "C",
	ALTER COLUMN "holder" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "revocations"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "target" SET DATA TYPE text collate "C",
	ALTER COLUMN "reason" SET DATA TYPE text collate "C",
	ALTER COLUMN "requested_by" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "schedule_runs"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "schedule_id" SET DATA TYPE text collate "C",
	ALTER COLUMN "kind" SET DATA TYPE text collate "C",
	ALTER COLUMN "task_id" SET DATA TYPE text collate "C",
	ALTER COLUMN "message" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "schedules"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "id" SET DATA TYPE text collate "C",
	ALTER COLUMN "entry" SET DATA TYPE text collate "C",
	ALTER COLUMN "claimed_by" SET DATA TYPE text collate "C";--> statement-breakpoint
ALTER TABLE "tasks"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "id" SET DATA TYPE text collate "C",
	ALTER COLUMN "name" SET DATA TYPE text collate "C",
	ALTER COLUMN "state" SET DATA TYPE text collate "C",
	ALTER COLUMN "payload" SET DATA TYPE text collate "C",
	ALTER COLUMN "error" SET DATA TYPE text collate "C",
	ALTER COLUMN "meta" SET DATA TYPE text collate "C",
	ALTER COLUMN "progress" SET DATA TYPE text collate "C",
	ALTER COLUMN "worker" SET DATA TYPE text collate "C",
	ALTER COLUMN "group_id" SET DATA TYPE text collate "C",
	ALTER COLUMN "queue" SET DATA TYPE text collate "C",
	ALTER COLUMN "consumer" SET DATA TYPE text collate "C",
	ALTER COLUMN "envelope" SET DATA TYPE text collate "C",
	DROP CONSTRAINT "tasks_key",
	ADD CONSTRAINT "tasks_key" PRIMARY KEY("id","ns");--> statement-breakpoint
ALTER TABLE "workers"
	ALTER COLUMN "ns" SET DATA TYPE text collate "C",
	ALTER COLUMN "id" SET DATA TYPE text collate "C",
	ALTER COLUMN "data" SET DATA TYPE text collate "C";