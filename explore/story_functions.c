// SPDX-License-Identifier: MIT
/*
 * story_functions.c - in which functions something happened
 *
 * A stack has a dozen and more of them, most of them the core's own cuts through what is one
 * function in Linux.  Those that Linux has under the same name are what a reader looks for: the
 * innermost few of them are kept.  Where there is none, the innermost function that is not merely
 * the wrapper of a verb has to do.
 */
#include "story.h"

#include <string.h>

/* In Linux (2.6.34 or 6.12) under this name, and more than the wrapper of a lock. */
static const char *const linux_functions[] = {
	/* clang-format off */
	/* exec */
	"begin_new_exec", "bprm_mm_init", "copy_strings", "create_elf_tables",
	"load_elf_binary", "load_script", "setup_arg_pages", "shift_arg_pages",
	/* address spaces */
	"change_pte_range", "do_mmap", "do_mremap", "do_munmap", "exit_mmap", "expand_stack",
	"free_pgd_range", "mlock_fixup", "mmap_region", "move_page_tables", "mprotect_fixup",
	"unmap_page_range", "vma_expand", "vma_merge", "vma_shrink", "vma_split",
	"zap_pte_range",
	/* fork and pins */
	"copy_page_range", "copy_present_pte", "copy_pte_range", "dup_mm", "dup_mmap",
	"get_user_pages", "get_user_pages_fast", "try_grab_folio_fast",
	/* reverse mapping */
	"anon_vma_clone", "anon_vma_fork", "anon_vma_prepare", "folio_get_anon_vma",
	"put_anon_vma", "remove_migration_pte", "remove_migration_ptes", "try_to_migrate",
	"try_to_migrate_one", "unlink_anon_vmas",
	/* faults */
	"copy_from_user", "copy_to_user", "do_anonymous_page", "do_cow_fault", "do_swap_page",
	"do_wp_page", "migration_entry_wait", "pte_alloc",
	/* migration, page cache, translations */
	"flush_tlb_batched_pending", "flush_tlb_range", "folio_isolate_lru",
	"migrate_folio_unmap", "migrate_pages", "migrate_pages_batch", "tlb_finish_mmu",
	/* clang-format on */
};

/* Wrappers of verbs, and what merely reports. */
static const char *const trivial[] = {
	/* clang-format off */
	"explored_", "spin_", "mutex_", "rwsem_", "down_", "up_", "bit_", "atomic_", "rcu_",
	"pte_", "ptep_", "set_pte", "lock_", "unlock_", "point", "word_", "read_", "write_",
	"trylock_", "wait_event", "folio_lock", "folio_un", "folio_t", "list_", "machine",
	"pte_event", "note_event", "report_", "folio_get", "folio_put", "folio_ref", "__tsan",
	"slow_", "watch",
	/* clang-format on */
};

#define NAMES_MAX 64

/* All functions of a stack, the innermost first. */
struct names {
	char names[NAMES_MAX][FUNCTION_MAX];
	int nr;
	bool outside; /* the scenario's own function was reached */
};

static bool is_linux(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(linux_functions); i++)
		if (!strcmp(name, linux_functions[i]))
			return true;
	return false;
}

static bool is_trivial(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(trivial); i++)
		if (!strncmp(name, trivial[i], strlen(trivial[i])))
			return true;
	return false;
}

static void take_name(void *arg, const char *name, const char *file, int line)
{
	struct names *names = arg;

	(void)file, (void)line;
	names->outside |= !strcmp(name, "run_scenario_task");
	if (!names->outside && names->nr < NAMES_MAX)
		snprintf(names->names[names->nr++], FUNCTION_MAX, "%s", name);
}

static void take_all(struct symbols *symbols, const void *const *callers, const void *site,
		     const char *start_at, struct names *names)
{
	names->nr = 0;
	names->outside = false;
	for (int i = 0; callers[i] && !names->outside; i++)
		symbols_at(symbols, callers[i], take_name, names);
	if (!names->nr && site)
		symbols_at(symbols, site, take_name, names);
	for (int i = 0; start_at && i < names->nr; i++)
		if (!strcmp(names->names[i], start_at))
			names->nr = i + 1;
}

static void append(struct chain *chain, const char *name)
{
	if (chain->nr == CHAIN_MAX) {
		memmove(chain->names[0], chain->names[1], sizeof(chain->names) - FUNCTION_MAX);
		chain->nr--;
	}
	snprintf(chain->names[chain->nr++], FUNCTION_MAX, "%s", name);
}

void story_functions(struct symbols *symbols, const void *const *callers, const void *site,
		     const char *start_at, struct chain *chain)
{
	struct names names;

	chain->nr = 0;
	if (!symbols)
		return;
	take_all(symbols, callers, site, start_at, &names);
	for (int i = names.nr - 1; i >= 0; i--)
		if (is_linux(names.names[i]))
			append(chain, names.names[i]);
	for (int i = 0; i < names.nr && !chain->nr; i++)
		if (!is_trivial(names.names[i]))
			append(chain, names.names[i]);
}

bool story_same_functions(const struct chain *a, const struct chain *b)
{
	if (a->nr != b->nr)
		return false;
	for (int i = 0; i < a->nr; i++)
		if (strcmp(a->names[i], b->names[i]))
			return false;
	return true;
}
