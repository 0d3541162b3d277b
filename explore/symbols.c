// SPDX-License-Identifier: MIT
/* symbols.c - which function of the program an address belongs to, by libdw */
#include "symbols.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/*
 * The scopes around @address, the innermost first, as the code lies in the program.  What
 * dwarf_getscopes() gives leaves for the source of an inlined function where it meets one.
 */
static int concrete_scopes(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **scopes)
{
	Dwarf_Die *innermost = NULL;
	int nr = dwarf_getscopes(unit, address, &innermost);

	if (nr > 0)
		nr = dwarf_getscopes_die(&innermost[0], scopes);
	free(innermost);
	return nr;
}

static bool is_function(Dwarf_Die *scope)
{
	return dwarf_tag(scope) == DW_TAG_inlined_subroutine || dwarf_tag(scope) == DW_TAG_subprogram;
}

void symbols_at(struct symbols *symbols, const void *site,
		void (*function)(void *arg, const char *name, const char *file, int line), void *arg)
{
	Dwarf_Addr address = (Dwarf_Addr)(uintptr_t)site - 1, bias = 0;
	struct place place = place_of(symbols, address);
	Dwarf_Die *unit = dwfl_module_addrdie(symbols->module, address, &bias);
	Dwarf_Die *scopes = NULL;
	int nr = unit ? concrete_scopes(unit, address - bias, &scopes) : 0;
	bool any = false;

	for (int i = 0; i < nr; i++) {
		const char *name = dwarf_diename(&scopes[i]);

		if (!name || !is_function(&scopes[i]))
			continue;
		function(arg, name, place.file, place.line);
		any = true;
		if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram)
			break;
		place = (struct place){ call_file(unit, &scopes[i]),
					attribute_number(&scopes[i], DW_AT_call_line) };
	}
	free(scopes);
	if (!any) {
		const char *name = dwfl_module_addrname(symbols->module, address);

		if (name)
			function(arg, name, place.file, place.line);
	}
}

/* ---- By name ----------------------------------------------------------------------------------------- */

struct wanted {
	const char *name;
	bool found;
};

static void compare(void *arg, const char *name, const char *file, int line)
{
	struct wanted *wanted = arg;

	(void)file, (void)line;
	wanted->found |= !strcmp(name, wanted->name);
}

bool symbols_inside(struct symbols *symbols, const void *site, const char *name)
{
	struct wanted wanted = { .name = name };

	symbols_at(symbols, site, compare, &wanted);
	return wanted.found;
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
