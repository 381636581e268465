/* spec.support.coverage: notes which lines of the scripts under lua/ are run, in any Lua 5.4 that
 * loads it (LUA_INIT), and writes them to a file of its own in the folder RESUM_COVERAGE when the
 * process exits. A hook in C, as one in Lua would make specs miss their deadlines; coroutines have
 * it from the state that makes them. It keeps its notes outside the Lua state: that may be closed,
 * or not, before the process ends. It must not know what the lines say.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <unistd.h>

enum { MOST_FILES = 512, MOST_LINES = 4096, LONGEST_PATH = 128 };

typedef struct {
  char path[LONGEST_PATH]; /* "lua/resum/init.lua" */
  unsigned char seen[MOST_LINES];
} coverage_file;

static coverage_file *files[MOST_FILES];
static size_t file_count;
/* The last chunk's name: most lines are of the same one as the line before. */
static char last_source[2 * LONGEST_PATH];
static coverage_file *last_file;

/* The part of a chunk's name that begins with the folder; NULL for what is not in there. */
static const char *coverage_path(const char *source) {
  static const char *const folders[] = {"lua/resum/", "lua/bin/"};
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    const char *at = source[0] == '@' ? strstr(source, folders[i]) : NULL;
    if (at)
      return at;
  }
  return NULL;
}

static coverage_file *coverage_find(const char *path) {
  const size_t length = strlen(path);
  for (size_t i = 0; i < file_count; i++)
    if (strcmp(files[i]->path, path) == 0)
      return files[i];
  if (file_count == MOST_FILES || length >= LONGEST_PATH)
    return NULL;
  coverage_file *file = (coverage_file *)calloc(1, sizeof *file);
  if (!file)
    return NULL;
  memcpy(file->path, path, length + 1);
  files[file_count++] = file;
  return file;
}

static void coverage_on_line(lua_State *L, lua_Debug *ar) {
  lua_getinfo(L, "S", ar);
  if (strcmp(ar->source, last_source) != 0) {
    const char *path = coverage_path(ar->source);
    (void)snprintf(last_source, sizeof last_source, "%s",
                   ar->source); /* cut, it is just asked again */
    last_file = path ? coverage_find(path) : NULL;
  }
  if (last_file && ar->currentline > 0 && ar->currentline < MOST_LINES)
    last_file->seen[ar->currentline] = 1;
}

static void coverage_write(void) {
  const char *folder = getenv("RESUM_COVERAGE");
  char name[4096];
  if (!folder || file_count == 0)
    return;
  (void)snprintf(name, sizeof name, "%s/%ld.lines", folder, (long)getpid());
  FILE *out = fopen(name, "a"); /* a process that was replaced may have had the same number */
  if (!out)
    return;
  for (size_t i = 0; i < file_count; i++)
    for (int line = 1; line < MOST_LINES; line++)
      if (files[i]->seen[line])
        (void)fprintf(out, "%s:%d\n", files[i]->path, line);
  (void)fclose(out); /* what is lost is missing in the figure, and nobody is here to be told */
}

__attribute__((visibility("default"))) int luaopen_spec_support_coverage(lua_State *L);

int luaopen_spec_support_coverage(lua_State *L) {
  static int is_noted;
  if (!is_noted && atexit(coverage_write) != 0)
    return luaL_error(L, "coverage: it can't be written at the end");
  is_noted = 1;
  lua_sethook(L, coverage_on_line, LUA_MASKLINE, 0);
  return 0;
}
