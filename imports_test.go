package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed lists, for each hand-written package, the packages of this module it
// may import; "ent" stands for all the generated ones. A package absent from
// the list may import none. Tests may import anything.
//
// The arrows point one way: the root, then the two doors, then what they call.
// The REST door has no ent, so that it cannot hold a rule.
var allowed = map[string]string{
	".":                  "ent graph internal/auth internal/django internal/fault internal/limit internal/openapi internal/ops internal/request internal/rest internal/sample internal/store internal/viewer web",
	"bench":              "internal/auth internal/dataset internal/ops internal/scalar internal/store internal/storetest internal/viewer",
	"graph":              "ent internal/auth internal/care internal/fault internal/limit internal/loaded internal/request internal/rule internal/scalar internal/store internal/viewer internal/wire",
	"internal/rest":      "internal/auth internal/fault internal/request internal/scalar internal/viewer",
	"internal/openapi":   "internal/rest",
	"internal/sample":    "ent internal/auth internal/care internal/scalar internal/store internal/viewer",
	"internal/auth":      "ent internal/fault internal/limit internal/request internal/rule internal/scalar internal/store internal/viewer",
	"internal/care":      "ent internal/fault internal/rule",
	"internal/store":     "ent internal/fault internal/scalar",
	"internal/django":    "ent internal/scalar internal/store",
	"internal/dataset":   "internal/auth internal/scalar internal/store",
	"internal/storetest": "internal/store",
	"ent/schema":         "ent/privacy internal/rule internal/scalar",
	"internal/rule":      "ent internal/fault internal/viewer",
	"internal/fault":     "ent internal/scalar internal/viewer",
	"internal/limit":     "",
	"internal/loaded":    "",
	"internal/ops":       "",
	"internal/request":   "",
	"internal/scalar":    "internal/wire",
	"internal/viewer":    "",
	"internal/wire":      "",
	"web":                "",
}

// TestImports checks that the packages import what the table above allows, and
// that the table has no package or import that does not exist.
func TestImports(t *testing.T) {
	used := map[string]map[string]bool{} // package -> what it imports
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		name = filepath.ToSlash(name)
		folder := path.Dir(name)
		if generated(folder) {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		if used[folder] == nil {
			used[folder] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imported, ours := strings.CutPrefix(imported, "caregraph/")
			if !ours {
				continue
			}
			used[folder][imported] = true
			if !may(folder, imported) {
				t.Errorf("%s: %s may not import %s; see the table in imports_test.go", name, folder, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for folder, list := range allowed {
		if used[folder] == nil {
			t.Errorf("the table has %s, which does not exist", folder)
		}
		for _, entry := range strings.Fields(list) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(used[folder])), func(imported string) bool { return covers(entry, imported) }) {
				t.Errorf("the table lets %s import %s, which it does not", folder, entry)
			}
		}
	}
}

// generated tells whether ent writes the files of the folder.
func generated(folder string) bool {
	return (folder == "ent" || strings.HasPrefix(folder, "ent/")) && folder != "ent/schema"
}

// may tells whether the package may import the other one.
func may(folder, imported string) bool {
	return slices.ContainsFunc(strings.Fields(allowed[folder]), func(entry string) bool { return covers(entry, imported) })
}

// covers tells whether an entry of the table stands for the import.
func covers(entry, imported string) bool {
	return entry == imported || entry == "ent" && generated(imported)
}
