CREATE TABLE `stem_buckets` (
	`ns` text NOT NULL,
	`key` text NOT NULL,
	`full_at_us` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_buckets_key` ON `stem_buckets` (`ns`,`key`);--> statement-breakpoint
CREATE INDEX `stem_buckets_full` ON `stem_buckets` (`ns`,`full_at_us`);--> statement-breakpoint
CREATE TABLE `stem_locks` (
	`ns` text NOT NULL,
	`key` text NOT NULL,
	`owner` text NOT NULL,
	`expires_at` integer NOT NULL,
	`token` integer PRIMARY KEY AUTOINCREMENT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_locks_key` ON `stem_locks` (`ns`,`key`);--> statement-breakpoint
CREATE UNIQUE INDEX `stem_locks_token` ON `stem_locks` (`ns`,`key`,`token`);--> statement-breakpoint
CREATE INDEX `stem_locks_expires` ON `stem_locks` (`ns`,`expires_at`);--> statement-breakpoint
CREATE TABLE `stem_paused_queues` (
	`ns` text NOT NULL,
	`queue` text NOT NULL,
	`reason` text,
	`paused_by` text,
	`paused_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_paused_queues_key` ON `stem_paused_queues` (`ns`,`queue`);--> statement-breakpoint
CREATE TABLE `stem_permits` (
	`ns` text NOT NULL,
	`key` text NOT NULL,
	`holder` text NOT NULL,
	`expires_at` integer NOT NULL,
	`token` integer PRIMARY KEY AUTOINCREMENT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_permits_key` ON `stem_permits` (`ns`,`key`,`holder`);--> statement-breakpoint
CREATE INDEX `stem_permits_expires` ON `stem_permits` (`ns`,`expires_at`);--> statement-breakpoint
CREATE TABLE `stem_revocations` (
	`ns` text NOT NULL,
	`target` text NOT NULL,
	`before` integer,
	`terminate` integer NOT NULL,
	`reason` text,
	`requested_by` text,
	`revoked_at` integer NOT NULL,
	`expires_at` integer,
	`version` integer PRIMARY KEY AUTOINCREMENT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_revocations_key` ON `stem_revocations` (`ns`,`target`);--> statement-breakpoint
CREATE INDEX `stem_revocations_newest` ON `stem_revocations` (`ns`,`version`);--> statement-breakpoint
CREATE INDEX `stem_revocations_expires` ON `stem_revocations` (`ns`,`expires_at`) WHERE "stem_revocations"."expires_at" is not null;--> statement-breakpoint
CREATE TABLE `stem_schedule_runs` (
	`ns` text NOT NULL,
	`schedule_id` text NOT NULL,
	`slot` integer NOT NULL,
	`kind` text NOT NULL,
	`task_id` text,
	`message` text,
	`completed_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_schedule_runs_key` ON `stem_schedule_runs` (`ns`,`schedule_id`,`slot`);--> statement-breakpoint
CREATE INDEX `stem_schedule_runs_completed` ON `stem_schedule_runs` (`ns`,`completed_at`);--> statement-breakpoint
CREATE TABLE `stem_schedules` (
	`ns` text NOT NULL,
	`id` text NOT NULL,
	`entry` text NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`next_run_at` integer,
	`due_at` integer,
	`last_run_at` integer,
	`last_slot_at` integer,
	`runs` integer DEFAULT 0 NOT NULL,
	`max_runs` integer,
	`token` integer DEFAULT 0 NOT NULL,
	`claimed_by` text,
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_schedules_key` ON `stem_schedules` (`ns`,`id`);--> statement-breakpoint
CREATE INDEX `stem_schedules_due` ON `stem_schedules` (`ns`,`due_at`) WHERE "stem_schedules"."due_at" is not null;