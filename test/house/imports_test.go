package house_test

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

	"caregraph/test/harness"
)

// allowed lists, for each hand-written package, the packages of this module it
// may import; "ent" stands for all the generated ones. A package absent from
// the list may import none. Tests may import anything.
//
// The arrows point one way: the command line, the server, the two doors, then what
// they call. The REST door does not import ent, so that it cannot hold a rule; what
// answers GraphQL over HTTP and what reads selections know no type of the schema.
var allowed = map[string]string{
	".":                         "internal/command",
	"internal/command":          "ent internal/audit internal/auth internal/django internal/doctor internal/fault internal/sample internal/server internal/store",
	"internal/doctor":           "internal/audit internal/fault internal/server internal/store",
	"internal/server":           "graph internal/audit internal/auth internal/bus internal/fault internal/graphqlhttp internal/limit internal/request internal/rest internal/sample internal/store internal/viewer web",
	"graph/internal/connection": "ent internal/reading",
	"graph":                     "ent internal/audit internal/auth internal/bus internal/care internal/fault internal/graphqlhttp internal/reading internal/replay internal/rule internal/scalar internal/store internal/viewer",
	"internal/rest":             "internal/auth internal/fault internal/request internal/scalar internal/viewer",
	"internal/graphqlhttp":      "internal/fault internal/limit internal/reading internal/request internal/viewer",
	"internal/reading":          "",
	"internal/sample":           "ent internal/auth internal/care internal/scalar internal/store internal/viewer",
	"internal/auth":             "ent internal/audit internal/bus internal/fault internal/limit internal/replay internal/request internal/rule internal/scalar internal/store internal/viewer",
	"internal/audit":            "ent internal/request internal/scalar internal/viewer",
	"internal/replay":           "ent internal/audit internal/fault internal/viewer",
	"internal/care":             "ent internal/fault internal/rule internal/scalar",
	"internal/store":            "ent internal/audit internal/bus internal/fault internal/request internal/scalar",
	"internal/django":           "ent internal/scalar internal/store",
	"ent/schema":                "ent/privacy internal/rule internal/scalar",
	"internal/rule":             "ent internal/audit internal/bus internal/fault internal/scalar internal/viewer",
	"internal/fault":            "ent internal/audit internal/reading internal/scalar internal/viewer",
	"internal/bus":              "",
	"internal/limit":            "",
	"internal/request":          "",
	"internal/scalar":           "",
	"internal/viewer":           "",
	"web":                       "",

	"bench":              "internal/audit internal/auth internal/sample internal/scalar internal/server internal/store internal/storetest internal/viewer",
	"internal/storetest": "internal/store",
	"test/harness":       "ent internal/auth internal/command internal/fault internal/server internal/store internal/storetest",
}

// TestImports checks that the packages import what the table above allows, and
// that the table has no package or import that does not exist.
func TestImports(t *testing.T) {
	root := harness.Path(".")
	used := map[string]map[string]bool{} // package -> what it imports
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		folder := path.Dir(filepath.ToSlash(relative))
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
				t.Errorf("%s: %s may not import %s; see the table in test/house/imports_test.go", name, folder, imported)
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
