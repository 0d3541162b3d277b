// SPDX-License-Identifier: MIT
/* session.c - what both sides of a comparison share: files, maps, and who is alive when */
#include "oracle.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler.h"

#define PAGE 4096ul

/* ---- Beginning --------------------------------------------------------------------------------------- */

/* The file is its own page cache on the host; every byte of page N is N + 1. */
static void open_file(struct session *session)
{
	char path[64], page[PAGE];
	struct stat stat;
	int fd = memfd_create("oracle", MFD_CLOEXEC);

	for (int i = 0; i < FILE_PAGES; i++) {
		memset(page, i + 1, sizeof(page));
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
			abort();
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	session->file_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (session->file_fd < 0 || fstat(fd, &stat))
		abort();
	close(fd);
	session->file_dev = stat.st_dev;
	session->file_ino = stat.st_ino;
	snprintf(session->file_name, sizeof(session->file_name), "/memfd:oracle (deleted)");
}

/* A read of new memory does not make it resident, but for hosts without a zero page. */
static bool host_reads_make_pages(void)
{
	volatile char *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (off_t)((uintptr_t)page / PAGE * sizeof(entry));

	if (page == MAP_FAILED || fd < 0)
		abort();
	(void)*page;
	if (pread(fd, &entry, sizeof(entry), at) != (ssize_t)sizeof(entry))
		abort();
	close(fd);
	munmap((void *)(uintptr_t)page, PAGE);
	/* Bit 63: present; bit 56: mapped here alone, which the zero page never is. */
	return (entry >> 63 & 1) && (entry >> 56 & 1);
}

struct session *session_create(const char *differences_path)
{
	struct session *session = mmap(NULL, sizeof(*session), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (session == MAP_FAILED)
		abort();
	session->differences = differences_read(differences_path);
	session->reads_make_pages = host_reads_make_pages();
	open_file(session);
	return session;
}

/* ---- Programs ---------------------------------------------------------------------------------------- */

static void add_op(struct session *session, struct op op)
{
	if (session->program.nr < OPS_MAX)
		session->program.ops[session->program.nr++] = op;
}

/* In the end all that is mapped is looked at. */
static void add_looks(struct session *session, unsigned int alive)
{
	for (int proc = 0; proc < PROCESSES_MAX; proc++) {
		if (!(alive & 1u << proc))
			continue;
		for (int page = 0; page < WINDOW_PAGES; page += 16)
			add_op(session, (struct op){ .kind = OP_LOAD,
						     .proc = proc,
						     .addr = WINDOW + (unsigned long)page * PAGE });
		add_op(session, (struct op){ .kind = OP_LOOK, .proc = proc });
	}
}

void session_prepare(struct session *session, const struct program *program)
{
	unsigned int alive = 1;

	/* Room for the looks. */
	session->program.nr = min(program->nr, OPS_MAX - 4 * PROCESSES_MAX);
	memcpy(session->program.ops, program->ops,
	       (size_t)session->program.nr * sizeof(program->ops[0]));
	for (int i = 0; i < session->program.nr; i++) {
		const struct op *op = &session->program.ops[i];

		session->dead[i] =
			!(alive & 1u << op->proc) || (op->kind == OP_EXIT && op->proc == 0);
		session->child[i] = -1;
		if (op->kind == OP_MINCORE && op->len > 4 * WINDOW_PAGES * PAGE)
			session->dead[i] = true; /* there is no room for the answer */
		if (session->dead[i])
			continue;
		if (op->kind == OP_EXIT)
			alive &= ~(1u << op->proc);
		if (op->kind == OP_FORK && alive != (1u << PROCESSES_MAX) - 1) {
			session->child[i] = __builtin_ctz(~alive);
			alive |= 1u << session->child[i];
		}
	}
	for (int i = session->program.nr; i < session->program.nr + 4 * PROCESSES_MAX; i++) {
		session->dead[i] = false;
		session->child[i] = -1;
	}
	add_looks(session, alive);
	session->outcome.problem = PROBLEM_NONE;
	session->host.nr = session->ours.nr = 0;
	session->host.text_used = session->ours.text_used = 0;
	session->host.last_text = session->ours.last_text = TEXT_SIZE;
}

/* ---- Maps -------------------------------------------------------------------------------------------- */

uint32_t results_add_maps(struct results *results, const char *maps)
{
	size_t size = strlen(maps) + 1;

	if (results->last_text < TEXT_SIZE && !strcmp(results->text + results->last_text, maps))
		return results->last_text;
	if (size > TEXT_SIZE - results->text_used)
		abort();
	results->last_text = results->text_used;
	memcpy(results->text + results->text_used, maps, size);
	results->text_used += (uint32_t)size;
	return results->last_text;
}

/* Of shared anonymous memory, which each side numbers for itself: blanks, up to the name. */
void maps_hide_inodes(char *maps)
{
	char *name = maps;

	while ((name = strstr(name, "/dev/zero (deleted)"))) {
		char *at = name;

		while (at > maps && at[-1] != ':' && at[-1] != '\n')
			at--;
		at += strcspn(at, " ");
		memset(at, ' ', (size_t)(name - at));
		name++;
	}
}

bool maps_find(const char *maps, unsigned long addr, unsigned long *start, unsigned long *end)
{
	for (const char *line = maps; *line; line = strchr(line, '\n') + 1) {
		char *at;

		*start = strtoul(line, &at, 16);
		*end = strtoul(at + 1, NULL, 16);
		if (*start <= addr && addr < *end)
			return true;
	}
	return false;
}

bool maps_are_free(const char *maps, unsigned long addr, unsigned long len)
{
	if (addr < WINDOW || len > WINDOW_END - addr)
		return false;
	for (const char *line = maps; *line; line = strchr(line, '\n') + 1) {
		char *at;
		unsigned long start = strtoul(line, &at, 16);
		unsigned long end = strtoul(at + 1, NULL, 16);

		if (start < addr + len && end > ALIGN_DOWN(addr, PAGE))
			return false;
	}
	return true;
}

bool in_heap(const struct session *session, unsigned long start, unsigned long end)
{
	return start < session->heap + (BRK_PAGES + 1) * PAGE && end > session->heap;
}

bool is_elsewhere(const struct op *op, long value)
{
	return (op->kind == OP_MMAP_HINT || op->kind == OP_MREMAP) && value > 0 &&
	       ((unsigned long)value < WINDOW || (unsigned long)value >= WINDOW_END);
}

uint64_t page_digest(const void *page)
{
	const uint64_t *words = page;
	uint64_t digest = 0xcbf29ce484222325u;

	for (size_t i = 0; i < PAGE / sizeof(*words); i++)
		digest = (digest ^ words[i]) * 0x9e3779b97f4a7c15u;
	return digest | 2; /* never NOT_READABLE */
}

/* ---- The comparison ------------------------------------------------------------------------------------ */

void outcome_set(struct session *session, enum problem problem, int at, const char *fmt, ...)
{
	struct outcome *outcome = &session->outcome;
	va_list args;

	if (outcome->problem != PROBLEM_NONE)
		return;
	outcome->problem = problem;
	outcome->at = at;
	va_start(args, fmt);
	vsnprintf(outcome->words, sizeof(outcome->words), fmt, args);
	va_end(args);
}

static bool maps_differ(const struct session *session, uint32_t host, uint32_t ours)
{
	return strcmp(session->host.text + host, session->ours.text + ours) != 0;
}

bool records_differ(struct session *session, int i)
{
	const struct record *host = &session->host.records[i], *ours = &session->ours.records[i];
	enum op_kind kind = session->program.ops[i].kind;

	if (session->dead[i])
		return false;
	if (host->value != ours->value)
		outcome_set(session, PROBLEM_VALUE, i, "the host: %ld (%#lx), here: %ld (%#lx)",
			    host->value, (unsigned long)host->value, ours->value,
			    (unsigned long)ours->value);
	else if (maps_differ(session, host->maps, ours->maps))
		outcome_set(session, PROBLEM_MAPS, i, "the maps differ");
	else if (session->child[i] >= 0 && maps_differ(session, host->child, ours->child))
		outcome_set(session, PROBLEM_CHILD_MAPS, i, "the maps of the child differ");
	else if ((kind == OP_LOOK || kind == OP_MINCORE) &&
		 memcmp(host->pages, ours->pages, sizeof(host->pages)) != 0)
		outcome_set(session, PROBLEM_PAGES, i, "pages differ");
	return session->outcome.problem != PROBLEM_NONE;
}

void session_run(struct session *session, struct ours *ours)
{
	if (!host_run(session)) {
		outcome_set(session, PROBLEM_HOST, session->host_run.next,
			    "the host's processes did not end well");
		return;
	}
	ours_run(ours, session);
	session->nr_ops += (unsigned long)session->ours.nr;
}

static void print_pages(FILE *out, const struct session *session, int i)
{
	const uint64_t *host = session->host.records[i].pages;
	const uint64_t *ours = session->ours.records[i].pages;

	for (int page = 0; page < WINDOW_PAGES; page++) {
		if (host[page] != ours[page])
			fprintf(out, "#   page w%d: the host %#lx, here %#lx\n", page,
				(unsigned long)host[page], (unsigned long)ours[page]);
	}
}

static void print_maps(FILE *out, const char *whose, const char *maps)
{
	fprintf(out, "# maps, %s:\n", whose);
	for (; *maps; maps = strchr(maps, '\n') + 1)
		fprintf(out, "#   %.*s\n", (int)strcspn(maps, "\n"), maps);
}

/* Every line is a comment of the text form. */
void outcome_print(FILE *out, const struct session *session)
{
	const struct outcome *outcome = &session->outcome;
	const struct record *host = &session->host.records[outcome->at];
	const struct record *ours = &session->ours.records[outcome->at];

	fprintf(out, "# %s\n", outcome->words);
	if (outcome->at >= session->program.nr)
		return;
	fprintf(out, "# operation %d: ", outcome->at + 1);
	op_print(out, &session->program.ops[outcome->at]);
	if (outcome->problem == PROBLEM_PAGES)
		print_pages(out, session, outcome->at);
	if (outcome->problem == PROBLEM_MAPS || outcome->problem == PROBLEM_VALUE) {
		print_maps(out, "the host", session->host.text + host->maps);
		print_maps(out, "here", session->ours.text + ours->maps);
	}
	if (outcome->problem == PROBLEM_CHILD_MAPS) {
		print_maps(out, "the host", session->host.text + host->child);
		print_maps(out, "here", session->ours.text + ours->child);
	}
}
