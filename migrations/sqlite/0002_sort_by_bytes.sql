DROP INDEX `stem_dead_letters_key`;--> statement-breakpoint
CREATE UNIQUE INDEX `stem_dead_letters_key` ON `stem_dead_letters` (`id`,`ns`);--> statement-breakpoint
DROP INDEX `stem_tasks_key`;--> statement-breakpoint
CREATE UNIQUE INDEX `stem_tasks_key` ON `stem_tasks` (`id`,`ns`);