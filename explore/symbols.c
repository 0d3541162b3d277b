// SPDX-License-Identifier: MIT
/* symbols.c - which function of the program an address belongs to, by libdw */
#include "symbols.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCOPES_MAX 64 /* nested: blocks, and functions inlined in functions */

struct symbols {
	Dwfl *dwfl;
	Dwfl_Module *module; /* the program itself */
};

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
};

struct symbols *symbols_open(void)
{
	struct symbols *symbols = calloc(1, sizeof(*symbols));

	if (!symbols)
		return NULL;
	symbols->dwfl = dwfl_begin(&callbacks);
	if (symbols->dwfl && dwfl_linux_proc_report(symbols->dwfl, getpid()) == 0 &&
	    dwfl_report_end(symbols->dwfl, NULL, NULL) == 0)
		symbols->module = dwfl_addrmodule(symbols->dwfl, (Dwarf_Addr)(uintptr_t)&symbols_open);
	if (symbols->module)
		return symbols;
	symbols_close(symbols);
	return NULL;
}

void symbols_close(struct symbols *symbols)
{
	if (!symbols)
		return;
	dwfl_end(symbols->dwfl);
	free(symbols);
}

/* ---- At an address ----------------------------------------------------------------------------------- */

static int attribute_number(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, name, &attribute) || dwarf_formudata(&attribute, &value))
		return 0;
	return (int)value;
}

static const char *call_file(Dwarf_Die *unit, Dwarf_Die *inlined)
{
	Dwarf_Files *files;
	size_t nr;
	const char *name = NULL;

	if (dwarf_getsrcfiles(unit, &files, &nr) == 0)
		name = dwarf_filesrc(files, (size_t)attribute_number(inlined, DW_AT_call_file), NULL,
				     NULL);
	return name ? name : "";
}

/* The innermost place is that of the address; further out it is where the inner one was called. */
struct place {
	const char *file;
	int line;
};

static struct place place_of(struct symbols *symbols, Dwarf_Addr address)
{
	Dwfl_Line *line = dwfl_module_getsrc(symbols->module, address);
	struct place place = { .file = "" };

	if (line)
		place.file = dwfl_lineinfo(line, NULL, &place.line, NULL, NULL, NULL);
	return place;
}

static bool has_code(Dwarf_Die *die)
{
	int tag = dwarf_tag(die);

	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine ||
	       tag == DW_TAG_lexical_block;
}

/* The scope right below @above that @address is in.  => false: there is none */
static bool scope_below(Dwarf_Die *above, Dwarf_Addr address, Dwarf_Die *scope)
{
	if (dwarf_child(above, scope))
		return false;
	do {
		if (has_code(scope) && dwarf_haspc(scope, address) > 0)
			return true;
	} while (dwarf_siblingof(scope, scope) == 0);
	return false;
}

/*
 * The scopes around an address, the outermost first, as the code lies in the program.  One way down
 * from the unit: dwarf_getscopes() leaves for the source of an inlined function where it meets one,
 * and the way back, dwarf_getscopes_die(), goes through the unit once more.
 */
struct scopes {
	Dwarf_Die *unit; /* NULL: no debugging information */
	int nr;
	Dwarf_Die at[SCOPES_MAX];
};

static void find_scopes(struct symbols *symbols, Dwarf_Addr address, struct scopes *scopes)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *above;

	scopes->nr = 0;
	scopes->unit = above = dwfl_module_addrdie(symbols->module, address, &bias);
	while (above && scopes->nr < SCOPES_MAX &&
	       scope_below(above, address - bias, &scopes->at[scopes->nr]))
		above = &scopes->at[scopes->nr++];
}

static bool is_inlined(Dwarf_Die *scope)
{
	return dwarf_tag(scope) == DW_TAG_inlined_subroutine;
}

/* The name of the function that @scope is; NULL: it is a block. */
static const char *function_name(Dwarf_Die *scope)
{
	return dwarf_tag(scope) == DW_TAG_lexical_block ? NULL : dwarf_diename(scope);
}

/* A return address may be the first of what comes after the function. */
static Dwarf_Addr address_of(const void *site)
{
	return (Dwarf_Addr)(uintptr_t)site - 1;
}

void symbols_at(struct symbols *symbols, const void *site,
		void (*function)(void *arg, const char *name, const char *file, int line), void *arg)
{
	Dwarf_Addr address = address_of(site);
	struct place place = place_of(symbols, address);
	struct scopes scopes;
	const char *name;

	find_scopes(symbols, address, &scopes);
	for (int i = scopes.nr - 1; i >= 0; i--) {
		name = function_name(&scopes.at[i]);
		if (name)
			function(arg, name, place.file, place.line);
		if (is_inlined(&scopes.at[i]))
			place = (struct place){ call_file(scopes.unit, &scopes.at[i]),
						attribute_number(&scopes.at[i], DW_AT_call_line) };
	}
	name = scopes.nr ? NULL : dwfl_module_addrname(symbols->module, address);
	if (name)
		function(arg, name, place.file, place.line);
}

/* ---- By name ----------------------------------------------------------------------------------------- */

bool symbols_inside(struct symbols *symbols, const void *site, const char *name)
{
	Dwarf_Addr address = address_of(site);
	struct scopes scopes;
	const char *here;

	find_scopes(symbols, address, &scopes);
	for (int i = 0; i < scopes.nr; i++) {
		here = function_name(&scopes.at[i]);
		if (here && !strcmp(here, name))
			return true;
	}
	here = scopes.nr ? NULL : dwfl_module_addrname(symbols->module, address);
	return here && !strcmp(here, name);
}

bool symbols_have(struct symbols *symbols, const char *name)
{
	int nr = dwfl_module_getsymtab(symbols->module);
	GElf_Sym symbol;

	for (int i = 1; i < nr; i++) {
		const char *have = dwfl_module_getsym(symbols->module, i, &symbol, NULL);

		if (have && !strcmp(have, name))
			return true;
	}
	return false;
}
