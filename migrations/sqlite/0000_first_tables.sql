CREATE TABLE `stem_broadcasts` (
	`ns` text NOT NULL,
	`channel` text NOT NULL,
	`payload` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_broadcasts_key` ON `stem_broadcasts` (`ns`,`channel`,`seq`);--> statement-breakpoint
CREATE INDEX `stem_broadcasts_expires` ON `stem_broadcasts` (`ns`,`expires_at`);--> statement-breakpoint
CREATE TABLE `stem_dead_letters` (
	`ns` text NOT NULL,
	`id` text NOT NULL,
	`queue` text NOT NULL,
	`name` text NOT NULL,
	`reason` text NOT NULL,
	`error` text,
	`envelope` text NOT NULL,
	`attempt` integer NOT NULL,
	`deliveries` integer NOT NULL,
	`died_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_dead_letters_key` ON `stem_dead_letters` (`ns`,`id`);--> statement-breakpoint
CREATE INDEX `stem_dead_letters_died` ON `stem_dead_letters` (`ns`,`died_at`,`id`);--> statement-breakpoint
CREATE INDEX `stem_dead_letters_queue` ON `stem_dead_letters` (`ns`,`queue`,`died_at`,`id`);--> statement-breakpoint
CREATE INDEX `stem_dead_letters_expires` ON `stem_dead_letters` (`ns`,`expires_at`);--> statement-breakpoint
CREATE TABLE `stem_group_members` (
	`ns` text NOT NULL,
	`group_id` text NOT NULL,
	`task_id` text NOT NULL,
	`position` integer NOT NULL,
	`state` text,
	`payload` text,
	`encoder` text,
	`error` text,
	`finished_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_group_members_key` ON `stem_group_members` (`ns`,`group_id`,`task_id`);--> statement-breakpoint
CREATE TABLE `stem_groups` (
	`ns` text NOT NULL,
	`id` text NOT NULL,
	`total` integer NOT NULL,
	`completed` integer DEFAULT 0 NOT NULL,
	`failed` integer DEFAULT 0 NOT NULL,
	`meta` text NOT NULL,
	`callback` text,
	`created_at` integer NOT NULL,
	`completed_at` integer,
	`expires_at` integer,
	`ttl_ms` integer NOT NULL,
	`chord_owner` text,
	`chord_token` integer DEFAULT 0 NOT NULL,
	`chord_until` integer,
	`chord_done_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_groups_key` ON `stem_groups` (`ns`,`id`);--> statement-breakpoint
CREATE INDEX `stem_groups_chord` ON `stem_groups` (`ns`,`completed_at`,`id`) WHERE "stem_groups"."callback" is not null and "stem_groups"."chord_done_at" is null and "stem_groups"."completed_at" is not null;--> statement-breakpoint
CREATE INDEX `stem_groups_expires` ON `stem_groups` (`ns`,`expires_at`) WHERE "stem_groups"."expires_at" is not null;--> statement-breakpoint
CREATE TABLE `stem_tasks` (
	`ns` text NOT NULL,
	`id` text NOT NULL,
	`name` text,
	`state` text,
	`attempt` integer DEFAULT 1 NOT NULL,
	`payload` text,
	`error` text,
	`meta` text,
	`progress` text,
	`worker` text,
	`group_id` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer,
	`expires_at` integer,
	`queue` text,
	`priority` integer DEFAULT 0 NOT NULL,
	`phase` integer,
	`due_at` integer,
	`lease_ms` integer,
	`delivery_attempt` integer DEFAULT 1 NOT NULL,
	`token` integer DEFAULT 0 NOT NULL,
	`deliveries` integer DEFAULT 0 NOT NULL,
	`consumer` text,
	`envelope` text,
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_tasks_key` ON `stem_tasks` (`ns`,`id`);--> statement-breakpoint
CREATE INDEX `stem_tasks_ready` ON `stem_tasks` (`ns`,`queue`,"priority" desc,`seq`) WHERE "stem_tasks"."phase" = 0;--> statement-breakpoint
CREATE INDEX `stem_tasks_due` ON `stem_tasks` (`ns`,`due_at`) WHERE "stem_tasks"."phase" in (1, 2);--> statement-breakpoint
CREATE INDEX `stem_tasks_expires` ON `stem_tasks` (`ns`,`expires_at`) WHERE "stem_tasks"."expires_at" is not null;--> statement-breakpoint
CREATE INDEX `stem_tasks_newest` ON `stem_tasks` (`ns`,`seq`) WHERE "stem_tasks"."seq" > 0;--> statement-breakpoint
CREATE TABLE `stem_workers` (
	`ns` text NOT NULL,
	`id` text NOT NULL,
	`data` text NOT NULL,
	`seen_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `stem_workers_key` ON `stem_workers` (`ns`,`id`);